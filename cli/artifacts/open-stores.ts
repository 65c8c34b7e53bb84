// The artefact stores of a stack, as its DevicesClusters name them, opened with this person's own access: credentials from
// their sources, the key for encrypted firmware from the cluster. Asks the API server, and pulumi for configuration.
import { execa } from "execa";
import type { ArtifactStore } from "../../builders/contract.ts";
import { openStore, type StoreDescription } from "../../builders/stores/open-store.ts";
import type { KubernetesApi } from "../../kubernetes/api.ts";
import { clusterUid } from "../../kubernetes/cluster-uid.ts";
import { artifactAccessName, artifactStoreName } from "../../model/names.ts";
import type { DevicesClusterManifest, SecretSource } from "../../model/schema.ts";
import { artifactCredentials } from "../../model/schema-artifacts.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { connectTo, type FleetOptions, fleetOf, meantStack } from "../stack-fleet.ts";

export interface StoreOptions extends FleetOptions {
  cluster?: string;
  context?: string;
  kubeconfig?: string;
}

export interface OpenedStore {
  cluster: string;
  namespace: string;
  kind: StoreDescription["kind"];
  api: KubernetesApi;
  /** Of the cluster that `api` talks to. */
  clusterUid: string;
  /** The same store in the name of one of its users. */
  as(user: string): Promise<ArtifactStore>;
}

/** @throws VisibleError where the stack has several clusters and none is named */
export async function openStoreOf(options: StoreOptions): Promise<OpenedStore> {
  const stack = await meantStack(options);
  const api = await connectTo(stack, options);
  const { clusters } = await fleetOf(stack, () => Promise.resolve(api));
  const manifest = choose(
    clusters.map((one) => one.manifest),
    options.cluster,
  );
  const { namespace, artifacts } = manifest.spec;
  const uid = await clusterUid(api);
  const credentials: Record<string, string> = {};
  for (const { path, source } of artifactCredentials(artifacts)) {
    if (path[0] === "credentials")
      credentials[path.at(-1)!] = await secretValue(source, api, namespace, stack.name);
  }
  if (artifacts.kind === "s3" && artifacts.iam)
    Object.assign(credentials, await ownCredentials(api, manifest));
  const identity = artifacts.kind === "cluster" ? undefined : await readIdentity(api, manifest);
  return {
    cluster: manifest.metadata.name,
    namespace,
    kind: artifacts.kind,
    api,
    clusterUid: uid,
    as: (user) =>
      openStore(artifacts, {
        user,
        place: { clusterUid: uid, namespace, class: "" },
        access: { identity, credentials },
        api: () => Promise.resolve(api),
        warn: (line) => console.error(line),
      }),
  };
}

function choose(manifests: DevicesClusterManifest[], name: string | undefined): DevicesClusterManifest {
  const names = manifests.map(({ metadata }) => metadata.name);
  const found =
    name === undefined && manifests.length === 1
      ? manifests[0]
      : manifests.find(({ metadata }) => metadata.name === name);
  if (found) return found;
  throw new VisibleError(
    name === undefined ? "The stack has several clusters." : `The stack has no cluster "${name}".`,
    { hint: `Name one with --cluster; there are: ${names.join(", ") || "none"}.` },
  );
}

async function secretValue(
  source: SecretSource,
  api: KubernetesApi,
  namespace: string,
  stack: string | undefined,
): Promise<string> {
  if ("fromEnv" in source) {
    const value = process.env[source.fromEnv];
    if (value) return value;
    throw new VisibleError(`The environment variable ${source.fromEnv} is not set.`, {
      hint: "It gets one into the artefact store (spec.artifacts.credentials).",
    });
  }
  if ("fromSecret" in source) {
    const { name, key } = source.fromSecret;
    const value = (await readSecret(api, namespace, name))?.[key];
    if (value) return value;
    throw new VisibleError(`The Secret ${namespace}/${name} has no key "${key}".`);
  }
  if ("fromConfig" in source) return await fromConfig(source.fromConfig, stack);
  throw new Error("an access to a store is never made up");
}

/** With the project's own passphrase, and pulumi wherever it is. */
async function fromConfig(key: string, stack: string | undefined): Promise<string> {
  const { prepareEnvironment } = await import("../../toolchain/environment.ts");
  const { projectFolder } = await import("../../toolchain/project-folder.ts");
  const { stderrProgress } = await import("../../toolchain/progress.ts");
  const cwd = projectFolder();
  const progress = stderrProgress();
  const { environment, tools } = await prepareEnvironment({
    projectFolder: cwd,
    tools: ["pulumi"],
    progress,
  });
  const ran = await execa(
    tools.pulumi!.path,
    ["config", "get", key, ...(stack === undefined ? [] : ["--stack", stack]), "--non-interactive"],
    { cwd, env: environment, extendEnv: false, reject: false, stdin: "ignore" },
  );
  if (ran.exitCode === 0) return ran.stdout.trim();
  throw new VisibleError(`The stack's configuration has no "${key}" that can be read here.`, {
    hint: `Set it with: pulumi config set --secret ${key}`,
  });
}

/** Of the user that the fleet has in its store. */
async function ownCredentials(
  api: KubernetesApi,
  manifest: DevicesClusterManifest,
): Promise<Record<string, string>> {
  const name = artifactStoreName(manifest.metadata.name);
  const secret = await readSecret(api, manifest.spec.namespace, name);
  const [accessKeyId, secretAccessKey] = [secret?.["access-key-id"], secret?.["secret-access-key"]];
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey };
  throw new VisibleError(`There is no Secret ${manifest.spec.namespace}/${name} with the fleet's access.`, {
    hint: '"pulumi up" makes it, with the users of spec.artifacts.iam.',
  });
}

async function readIdentity(
  api: KubernetesApi,
  manifest: DevicesClusterManifest,
): Promise<string | undefined> {
  const name = artifactAccessName(manifest.metadata.name);
  return (await readSecret(api, manifest.spec.namespace, name))?.["age-identity"];
}

async function readSecret(
  api: KubernetesApi,
  namespace: string,
  name: string,
): Promise<Record<string, string> | undefined> {
  const address = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace } };
  const secret = await api.getOrUndefined<typeof address & { data?: Record<string, string> }>(address);
  if (!secret) return undefined;
  return Object.fromEntries(
    Object.entries(secret.data ?? {}).map(([key, text]) => [
      key,
      Buffer.from(text, "base64").toString("utf8"),
    ]),
  );
}
