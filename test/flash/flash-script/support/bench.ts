// A bench for end-to-end tests of the flash script: a namespace in a real cluster with one class and its devices,
// people with fewer rights, and a way to run the script. Cleans up after itself.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArtifactReference } from "../../../../builders/contract.ts";
import { generateNvs } from "../../../../builders/nvs/generate.ts";
import type { FlashableArtifact } from "../../../../flash/flash-script/input.ts";
import { renderFlashScript } from "../../../../flash/flash-script.ts";
import { connect, type KubernetesApi, type KubernetesObject } from "../../../../kubernetes/api.ts";
import {
  CONFIG,
  type FirmwareOptions,
  type MadeArtifact,
  makeArtifact,
  sha256,
  storeInCluster,
} from "./artifact.ts";
import { type Ran, type RunOptions, run } from "./shell.ts";
import type { TestTools } from "./tools.ts";

export const CLASS = "esp32-cam";
export const CLUSTER = "greenhouse";
/** In every device's configuration; must never be seen. */
export const PASSWORD = "correct-horse-battery";

export interface DeviceOptions {
  className?: string;
  /** The name inside the image, where it is not the Secret's. */
  inside?: string;
  /** Changes the image after its digest was taken. */
  tamper?: (image: Uint8Array) => void;
  /** Added to the image, for images that differ. */
  generation?: number;
  keys?: Uint8Array;
  size?: number;
  /** Further annotations and keys of the Secret. */
  annotations?: Record<string, string>;
  data?: Record<string, string>;
}

export interface FlashOptions extends RunOptions {
  shell?: string[];
  script?: string;
  kubeconfig?: string;
}

export class Bench {
  readonly tools: TestTools;
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly folder: string;
  /** TMPDIR of every script that is run; must be empty after it. */
  readonly temp: string;
  made!: MadeArtifact;
  artifact!: ArtifactReference;
  clusterUid!: string;

  private constructor(tools: TestTools, api: KubernetesApi) {
    this.tools = tools;
    this.api = api;
    this.namespace = `flash-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    this.folder = mkdtempSync(join(tmpdir(), "edgeflock-bench-"));
    this.temp = join(this.folder, "temp");
    mkdirSync(this.temp);
  }

  /** @param given for benchmarks, which run without vitest */
  static async open(given?: TestTools): Promise<Bench> {
    const tools = given ?? (await (await import("./tools.ts")).testTools());
    const bench = new Bench(tools, await connect({ kubeconfig: tools.kubeconfig }));
    await bench.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: bench.namespace } });
    bench.made = bench.make();
    bench.artifact = await storeInCluster(bench.api, bench.namespace, bench.made);
    const system = await bench.api.get({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "kube-system" },
    });
    bench.clusterUid = system.metadata.uid as string;
    return bench;
  }

  async close(): Promise<void> {
    await this.api.delete({ apiVersion: "v1", kind: "Namespace", metadata: { name: this.namespace } });
    rmSync(this.folder, { recursive: true, force: true });
  }

  async apply(object: KubernetesObject | Record<string, unknown>): Promise<void> {
    await this.api.apply(object as KubernetesObject, { fieldManager: "test", force: true });
  }

  /** Another firmware, not yet stored anywhere. */
  make(options?: FirmwareOptions): MadeArtifact {
    return makeArtifact(options);
  }

  /** The class's script, or that of another artefact. */
  script(artifact: FlashableArtifact = this.artifact, className = CLASS): string {
    return renderFlashScript({
      className,
      clusterName: CLUSTER,
      namespace: this.namespace,
      chip: artifact.chip,
      artifact,
      clusterUid: this.clusterUid,
    });
  }

  /** Puts the class's ConfigMap there, as the stack does. */
  async publish(artifact: ArtifactReference = this.artifact, className = CLASS): Promise<void> {
    await this.apply({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: `${className}-flash`,
        namespace: this.namespace,
        labels: { "edgeflock.io/cluster": CLUSTER, "edgeflock.io/class": className },
      },
      data: { "flash.sh": this.script(artifact, className), "artifact.json": JSON.stringify(artifact) },
    });
  }

  /** Writes a device's Secret and gives its configuration image. */
  async device(name: string, options: DeviceOptions = {}): Promise<Uint8Array> {
    const className = options.className ?? CLASS;
    const text = (namespace: string, key: string, value: string) => ({
      namespace,
      key,
      type: "string" as const,
      value,
    });
    const image = generateNvs(
      [
        text("edgeflock", "device", options.inside ?? name),
        text("edgeflock", "class", className),
        { namespace: "edgeflock", key: "gen", type: "u32", value: options.generation ?? 1 },
        text("wifi", "password", PASSWORD),
      ],
      { size: options.size ?? CONFIG.size },
    );
    const digest = `sha256:${sha256(image)}`;
    options.tamper?.(image);
    await this.apply({
      apiVersion: "v1",
      kind: "Secret",
      type: "Opaque",
      metadata: {
        name: `${name}-device`,
        namespace: this.namespace,
        labels: {
          "edgeflock.io/cluster": CLUSTER,
          "edgeflock.io/class": className,
          "edgeflock.io/device": name,
        },
        annotations: {
          "edgeflock.io/config-digest": digest,
          "edgeflock.io/credential-generation": String(options.generation ?? 1),
          ...options.annotations,
        },
      },
      data: {
        "config.bin": Buffer.from(image).toString("base64"),
        MQTT_PASSWORD: Buffer.from(PASSWORD).toString("base64"),
        ...Object.fromEntries(
          Object.entries(options.data ?? {}).map(([key, text]) => [
            key,
            Buffer.from(text).toString("base64"),
          ]),
        ),
        ...(options.keys && { "nvs-keys.bin": Buffer.from(options.keys).toString("base64") }),
      },
    });
    return image;
  }

  /** A kubeconfig of someone who may do nothing but what `rules` say, in this namespace. */
  async person(
    name: string,
    rules: { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[],
  ): Promise<string> {
    const { namespace } = this;
    await this.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } });
    await this.apply({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name, namespace },
      rules,
    });
    await this.apply({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name, namespace },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    });
    const answer = await this.api.request<{ status: { token: string } }>(
      "POST",
      `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      {
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { expirationSeconds: 3600 },
        },
      },
    );
    const file = join(this.folder, `${name}.kubeconfig`);
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: this.api.server, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user: { token: answer.status.token } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      "current-context": "c",
    };
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  /** Runs the script as a person at a bench does. */
  flash(args: string[], options: FlashOptions = {}): Promise<Ran> {
    const file = join(this.folder, `flash-${Math.random().toString(36).slice(2)}.sh`);
    writeFileSync(file, options.script ?? this.script(), { mode: 0o755 });
    const env = {
      KUBECONFIG: options.kubeconfig ?? this.tools.kubeconfig,
      EDGEFLOCK_KUBECTL: this.tools.kubectl,
      EDGEFLOCK_ESPTOOL: this.tools.esptool,
      TMPDIR: this.temp,
      ...options.env,
    };
    return run([...(options.shell ?? ["sh"]), file, ...args], { ...options, env });
  }

  async lease(device: string): Promise<KubernetesObject & { spec: { holderIdentity?: string } }> {
    return this.api.get({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: `${device}-board`, namespace: this.namespace },
    });
  }

  async leaseOrUndefined(device: string): Promise<KubernetesObject | undefined> {
    return this.api.getOrUndefined({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: `${device}-board`, namespace: this.namespace },
    });
  }

  /** What a script left in its temporary folder. */
  leftBehind(): string[] {
    return readdirSync(this.temp);
  }
}
