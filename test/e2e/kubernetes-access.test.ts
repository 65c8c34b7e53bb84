import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ArtifactReference } from "../../builders/contract.ts";
import { connect, type KubernetesApi, type KubernetesObject } from "../../kubernetes/api.ts";
import {
  ACCESS_ROLES,
  type AccessPlan,
  type AccessRole,
  accessPlan,
  artifactRules,
  clusterRoleNames,
} from "../../model/access-plan.ts";
import { API_GROUP, API_VERSION, KINDS, type Kind, PLURALS } from "../../model/names.ts";
import { done, planned, reviewed, type Target, VERBS } from "./access-matrix.ts";
import { installKinds } from "./installed-kinds.ts";
import { cluster, device, deviceClass, group, twoHalls } from "./manifests.ts";
import { type OwnCluster, ownCluster } from "./own-cluster.ts";
import { CHECKOUT, TestProject } from "./test-project.ts";

const RBAC = "rbac.authorization.k8s.io";
/** What can be done with a part of an object, such as its status. */
const OF_A_PART = ["get", "update", "patch"] as const;
const run = promisify(execFile);

describe("access to a fleet", () => {
  let project: TestProject;
  let namespace: string;
  let plan: AccessPlan;
  let parts: string[];
  let kubernetes: OwnCluster;
  const kubeconfigs = {} as Record<AccessRole, string>;
  const apis = {} as Record<AccessRole, KubernetesApi>;

  const token = (...args: string[]) =>
    run(process.execPath, [join(CHECKOUT, "bin/edgeflock.mjs"), "token", ...args], {
      cwd: project.folder,
      env: { ...project.environment, KUBECONFIG: project.kubeconfig },
    });

  beforeAll(async () => {
    kubernetes = await ownCluster("access-");
    project = await TestProject.create(undefined, kubernetes.kubeconfig);
    namespace = project.id;
    project.variables.NORTH_WIFI_PASSWORD = "north-password";
    await project.manifests(twoHalls(namespace));
    await project.up();
    const map = await project.api.get<{ data: Record<string, string> }>({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace, name: "node-flash" },
    });
    const { store } = JSON.parse(map.data["artifact.json"]!) as ArtifactReference;
    parts = store.kind === "cluster" ? store.parts : [];
    plan = accessPlan({
      namespace,
      cluster: namespace,
      classes: ["node"],
      devices: ["a", "b", "c"],
      createsClusters: true,
    });
    await installKinds(project.api);
    for (const document of inCluster()) await project.api.create(document as KubernetesObject);
    const flasher = plan.roles.find(({ name }) => name === "edgeflock-flasher")!;
    flasher.rules.push(...artifactRules({ configMaps: parts, secrets: [] }));
    for (const role of ACCESS_ROLES) {
      const { stdout } = await token(role, "--cluster", namespace, "--duration", "10m", "--kubeconfig");
      kubeconfigs[role] = join(project.folder, `${role}.kubeconfig`);
      await writeFile(kubeconfigs[role], stdout, { mode: 0o600 });
      apis[role] = await connect({ kubeconfig: kubeconfigs[role] });
    }
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await kubernetes?.[Symbol.asyncDispose]();
  });

  /** Objects of the four kinds, in the fleet's namespace where they have one; and another fleet's cluster. */
  const inCluster = () => [
    cluster(namespace),
    { ...cluster(`${namespace}-other`), metadata: { name: `of-others-${namespace}` } },
    ...[deviceClass("spare"), deviceClass("node"), group("north", "north"), device("a", "north")].map(
      (document) => ({ ...document, metadata: { ...document.metadata, namespace } }),
    ),
  ];

  const targets = (): Target[] => {
    const object = (
      group: string,
      resource: string,
      kind: string,
      name: string,
      rest: object = {},
    ): Target => ({
      group,
      resource,
      namespace,
      name,
      body: {
        apiVersion: group === "" ? "v1" : `${group}/v1`,
        kind,
        metadata: { name: `new-${name}`, namespace },
        ...rest,
      },
    });
    const secret = (name: string, rest = {}) => object("", "secrets", "Secret", name, rest);
    const roleRef = { apiGroup: RBAC, kind: "Role", name: "edgeflock-dashboard" };
    const global = ({ namespace: _, ...target }: Target) => target;
    const ofKind = (kind: Kind, name: string, status = ""): Target => {
      const document = inCluster().find((each) => each.kind === kind)!;
      return {
        group: API_GROUP,
        version: API_VERSION,
        resource: `${PLURALS[kind]}${status}`,
        namespace,
        name,
        body: { ...document, metadata: { ...document.metadata, name: `new-${name}` } },
      };
    };
    const elsewhere = (target: Target, other: string): Target => ({
      ...target,
      namespace: other,
      body: { ...target.body, metadata: { name: target.name, namespace: other } },
    });
    return [
      secret("a-device"),
      secret("node-device-class"),
      secret("north-device-group"),
      secret(`${namespace}-devices-cluster`),
      secret("of-somebody-else", {
        type: "kubernetes.io/service-account-token",
        metadata: {
          name: "token-of-clusters",
          annotations: { "kubernetes.io/service-account.name": "edgeflock-clusters" },
        },
      }),
      elsewhere(secret("a-device"), "default"),
      object("", "configmaps", "ConfigMap", "node-flash"),
      object("", "configmaps", "ConfigMap", parts[0]!),
      object("", "configmaps", "ConfigMap", "of-somebody-else"),
      object("coordination.k8s.io", "leases", "Lease", "a-board"),
      object("coordination.k8s.io", "leases", "Lease", "of-somebody-else"),
      elsewhere(object("coordination.k8s.io", "leases", "Lease", "a-board"), "default"),
      object("", "serviceaccounts", "ServiceAccount", "edgeflock-dashboard"),
      object(RBAC, "roles", "Role", "edgeflock-flasher", { rules: [] }),
      object(RBAC, "rolebindings", "RoleBinding", "edgeflock-flasher", { roleRef, subjects: [] }),
      object("", "namespaces", "Namespace", namespace),
      elsewhere(object("", "namespaces", "Namespace", "kube-system"), "kube-system"),
      global(object(RBAC, "clusterroles", "ClusterRole", `edgeflock-clusters-${namespace}`, { rules: [] })),
      global(object(RBAC, "clusterroles", "ClusterRole", "cluster-admin", { rules: [] })),
      object("", "events", "Event", "some"),
      object("", "pods", "Pod", "some"),
      global(ofKind("DevicesCluster", namespace)),
      global(ofKind("DevicesCluster", `of-others-${namespace}`)),
      // not one that a device has: a policy refuses to delete that, whoever asks
      ofKind("DeviceClass", "spare"),
      ofKind("DeviceGroup", "north"),
      ofKind("Device", "a"),
      ...(["DeviceClass", "DeviceGroup", "Device"] as const).map((kind) =>
        elsewhere(ofKind(kind, "any"), "default"),
      ),
      global(ofKind("DevicesCluster", namespace, "/status")),
      ofKind("DeviceClass", "spare", "/status"),
      ofKind("DeviceGroup", "north", "/status"),
      ofKind("Device", "a", "/status"),
    ];
  };

  /** Listing, watching and creating namespaces is asked of the whole Kubernetes, not of the one that is named. */
  const asked = (verb: string, target: Target): Target => {
    if (target.resource !== "namespaces" || !["list", "watch", "create"].includes(verb)) return target;
    const { namespace: _, ...rest } = target;
    return rest;
  };

  it.each(ACCESS_ROLES)(
    "for %s is what the plan says: asked of the API server, and done with a real token",
    async (role) => {
      await vi.waitFor(
        async () =>
          expect(await reviewed(apis[role], "list", targets().find((t) => t.resource === "leases")!)).toBe(
            true,
          ),
        { timeout: 10_000, interval: 100 },
      );
      const expected: string[] = [];
      const said: string[] = [];
      const did: string[] = [];
      for (const named of targets()) {
        const live = await liveObject(named);
        for (const verb of named.resource.includes("/") ? OF_A_PART : VERBS) {
          const target = asked(verb, named);
          const cell = `${verb} ${named.namespace === namespace ? "" : `${named.namespace}: `}${named.resource} ${named.name}`;
          expected.push(`${cell} ${planned(plan, namespace, role, verb, target)}`);
          said.push(`${cell} ${await reviewed(apis[role], verb, target)}`);
          did.push(`${cell} ${await done(apis[role], verb, target, live)}`);
        }
      }
      expect(expected.length).toBeGreaterThan(200);
      for (const kind of KINDS) expect(expected.join()).toContain(` ${PLURALS[kind]} `);
      expect(said).toEqual(expected);
      expect(did).toEqual(expected);
    },
  );

  it("to tokens of others is the manager's alone", async () => {
    for (const role of ACCESS_ROLES) {
      const target: Target = {
        group: "",
        resource: "serviceaccounts/token",
        namespace,
        name: "edgeflock-dashboard",
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { expirationSeconds: 600 },
        },
      };
      expect(await done(apis[role], "create", target, undefined), role).toBe(role === "clusters");
      expect(planned(plan, namespace, role, "create", target), role).toBe(role === "clusters");
    }
  });

  it("lets whoever manages devices draw no Secret into one that is not theirs to read", async () => {
    const refused = /must be allowed to read it there/;
    const create = (role: AccessRole, secrets: object) =>
      apis[role].request("POST", `/apis/${API_VERSION}/namespaces/${namespace}/devices`, {
        query: { dryRun: "All" },
        body: device("thief", "north", { secrets: { stolen: secrets } }),
      });
    const fromSecret = (name: string) => ({ fromSecret: { name, key: "MQTT_PASSWORD" } });
    await vi.waitFor(
      () => expect(create("devices", { fromConfig: "brokerAdmin" })).rejects.toThrow(refused),
      { timeout: 60_000, interval: 200 },
    );
    await expect(create("devices", fromSecret(`${namespace}-devices-cluster`))).rejects.toThrow(refused);
    await expect(create("devices", { fromEnv: "HOME" })).rejects.toThrow(refused);
    await create("devices", { random: { length: 20 } });
    await create("devices", fromSecret("a-device"));
    await create("clusters", fromSecret(`${namespace}-devices-cluster`));
    await create("clusters", { fromConfig: "wifi" });
  });

  it("asks of a source that was there before nothing more", async () => {
    const secrets = { known: { fromConfig: "wifi" } };
    const path = `/apis/${API_VERSION}/namespaces/${namespace}/devices/a`;
    const patch = (role: AccessRole, spec: object) =>
      apis[role].request("PATCH", path, { body: { spec }, contentType: "application/merge-patch+json" });
    await patch("clusters", { secrets });
    await patch("devices", { data: { "place.name": "bench 9" } });
    await expect(patch("devices", { secrets: { more: { fromConfig: "other" } } })).rejects.toThrow(
      /must be allowed to read it there/,
    );
  });

  it("lets a flasher fetch all that a flash needs with the class's own script, and nothing of a device it is not given", async () => {
    const script = (await project.output<Record<string, string>>("flashScripts")).node!;
    await project.write("flash.sh", script);
    const out = join(project.folder, "fetched");
    await mkdir(out);
    const env = { ...project.environment, KUBECONFIG: kubeconfigs.flasher };
    await run("sh", ["flash.sh", "a", "--fetch-only", out], { cwd: project.folder, env });
    const image = (await readdir(out, { recursive: true })).find((file) => file.endsWith("config.bin"))!;
    const secret = await project.secret(namespace, "a-device");
    expect((await readFile(join(out, image))).equals(secret!["config.bin"]!)).toBe(true);
    const dashboard = { ...env, KUBECONFIG: kubeconfigs.dashboard };
    await expect(
      run("sh", ["flash.sh", "a", "--fetch-only", join(out, "no")], { cwd: project.folder, env: dashboard }),
    ).rejects.toThrow(/You may not get secret "a-device"/);
  });

  it("lets the manager of clusters bring the fleet up with a device more, and bind nobody to more than it has", async () => {
    await project.mustPulumi("config", "set", "edgeflock:kubeconfig", kubeconfigs.clusters);
    await project.mustPulumi("config", "set", "edgeflock:kubeContext", `${namespace}-edgeflock-clusters`);
    await project.manifests([...twoHalls(namespace), device("d", "south")]);
    expect(Object.keys(await project.up()).sort()).toEqual(["create", "update"]);
    expect(await project.secret(namespace, "d-device")).toBeDefined();
    const binding = {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: { namespace, name: "more" },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", name: "edgeflock-clusters", namespace }],
    };
    await expect(apis.clusters.create(binding)).rejects.toMatchObject({ status: 403 });
    await project.mustPulumi("config", "set", "edgeflock:kubeconfig", project.kubeconfig);
    await project.mustPulumi("config", "set", "edgeflock:kubeContext", project.api.contextName);
  });

  it("ends with the device: the next up takes its name out of the lists", async () => {
    await project.manifests(twoHalls(namespace, { halls: { a: "north", c: "south" } }));
    await project.up();
    for (const role of ["devices", "flasher"] as const) {
      const secret: Target = { group: "", resource: "secrets", namespace, name: "b-device", body: {} };
      await vi.waitFor(async () => expect(await reviewed(apis[role], "get", secret)).toBe(false));
      expect(await reviewed(apis[role], "get", { ...secret, name: "a-device" })).toBe(true);
    }
  });

  it("comes without a ClusterRole where the fleet says so", async () => {
    const [, ...rest] = twoHalls(namespace, { halls: { a: "north", c: "south" } });
    const access = { createsClusters: false };
    await project.manifests([
      cluster(namespace, { settings: { "telemetry.interval": 60 }, access }),
      ...rest,
    ]);
    await project.up();
    for (const name of clusterRoleNames(namespace)) {
      const address = { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata: { name } };
      expect(await project.api.getOrUndefined<KubernetesObject>(address), name).toBeUndefined();
    }
  });

  it("is asked for in words: an unknown role, cluster or duration is refused with a way out", async () => {
    await expect(token("owner")).rejects.toThrow(/clusters, devices, flasher, dashboard/);
    await expect(token("flasher", "--cluster", "no-such")).rejects.toThrow(/no DevicesCluster "no-such"/);
    await expect(token("flasher", "--duration", "1m")).rejects.toThrow(/ten minutes at least/);
    const { stdout, stderr } = await token("flasher", "--cluster", namespace, "--duration", "15m", "--json");
    const { expires, serviceAccount } = JSON.parse(stdout);
    expect(serviceAccount).toBe("edgeflock-flasher");
    const minutes = (Date.parse(expires) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(10);
    expect(minutes).toBeLessThan(16);
    expect(stderr).toContain("valid until");
    expect(stderr).not.toContain(JSON.parse(stdout).token);
  });

  async function liveObject(target: Target): Promise<KubernetesObject | undefined> {
    const { apiVersion, kind } = target.body as { apiVersion: string; kind: string };
    const metadata = {
      name: target.name,
      ...(target.namespace !== undefined &&
        target.resource !== "namespaces" && { namespace: target.namespace }),
    };
    return project.api.getOrUndefined<KubernetesObject>({ apiVersion, kind, metadata });
  }
});
