// The provider's own configuration: what is taken, what is refused, and which changes of it replace every
// resource. Reads the kubeconfig where one is named by its path.
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { VisibleError } from "../../../model/visible-error.ts";
import { equal, isObject, isUnknown, type Properties, type Value } from "../property-values.ts";
import { field } from "./api-object.ts";
import { refused } from "./object-kind.ts";
import type { Mutability } from "./replacing-fields.ts";

export interface ProviderConfig {
  /** Path or content; as kubectl would find it where there is none. */
  kubeconfig: string | undefined;
  context: string | undefined;
  cluster: string | undefined;
  namespace: string | undefined;
  mutable: Mutability;
  /** Take over fields that others own. */
  patchForce: boolean;
  /** Let a create change an object that exists. */
  upsert: boolean;
  /** Forget resources of a cluster that cannot be reached. */
  deleteUnreachable: boolean;
}

/** @throws VisibleError for options that only the official plugin has */
export function providerConfig(
  variables: ReadonlyMap<string, string>,
  environment: NodeJS.ProcessEnv,
): ProviderConfig {
  const named = (name: string) => variables.get(`kubernetes:config:${name}`) || undefined;
  const flag = (name: string, variable: string) => (named(name) ?? environment[variable]) === "true";
  if ((named("enableServerSideApply") ?? environment.PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY) === "false") {
    throw refused("client-side apply (enableServerSideApply: false)");
  }
  if (named("renderYamlToDirectory")) throw refused("renderYamlToDirectory");
  if (flag("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE")) {
    throw refused("skipUpdateUnreachable");
  }
  return {
    kubeconfig: named("kubeconfig"),
    context: named("context"),
    cluster: named("cluster"),
    namespace: named("namespace"),
    mutable: {
      configMaps: flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
      secrets: flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
    },
    patchForce: flag("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
    upsert: flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
    deleteUnreachable: flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
  };
}

export interface ConfigDiff {
  changed: string[];
  replaces: string[];
}

const CONNECTION = ["kubeconfig", "context", "cluster"];

/**
 * A different cluster replaces every resource. `clusterIdentifier` says which one it is: while it stays,
 * nothing is replaced; when it changes, all is. Without one, the active cluster's entry is compared.
 */
export function configDiff(olds: Properties, news: Properties): ConfigDiff {
  const changed = [...new Set([...Object.keys(olds), ...Object.keys(news)])].filter(
    (key) => !equal(olds[key], news[key]),
  );
  const [before, after] = [olds.clusterIdentifier, news.clusterIdentifier];
  if (after && equal(before, after)) return { changed, replaces: [] };
  const replaces = before && after ? ["clusterIdentifier"] : [];
  const unknown = CONNECTION.find((key) => isUnknown(news[key]));
  if (unknown) return { changed: [unknown], replaces: [...replaces, unknown] };
  const [oldCluster, newCluster] = [activeCluster(olds), activeCluster(news)];
  if (oldCluster && newCluster && !equal(oldCluster, newCluster)) {
    replaces.push(...CONNECTION.filter((key) => changed.includes(key)));
  }
  return { changed, replaces };
}

function activeCluster(properties: Properties): Value | undefined {
  const config = kubeconfigDocument(properties.kubeconfig);
  const contextName = properties.context || field(config, "current-context");
  const context = field(byName(config, "contexts", contextName), "context");
  const clusterName = properties.cluster || field(context, "cluster");
  return context && field(byName(config, "clusters", clusterName), "cluster");
}

function byName(config: Value | undefined, list: string, name: Value | undefined): Value | undefined {
  const entries = field(config, list);
  return Array.isArray(entries) ? entries.find((entry) => field(entry, "name") === name) : undefined;
}

/** A kubeconfig given as an object, as text, or as a path. @throws VisibleError where it is none of these */
export function kubeconfigDocument(kubeconfig: Value | undefined): Properties | undefined {
  if (isObject(kubeconfig)) return kubeconfig;
  if (typeof kubeconfig !== "string" || kubeconfig === "") return undefined;
  const path = kubeconfigPath(kubeconfig);
  try {
    const document: unknown = parse(path === undefined ? kubeconfig : readFileSync(path, "utf8"));
    if (isObject(document)) return document;
  } catch (cause) {
    throw new VisibleError(`The provider's kubeconfig cannot be read as YAML.`, { cause });
  }
  throw new VisibleError("The provider's kubeconfig is neither a file nor the content of one.", {
    hint: "Check the path: `kubernetes:kubeconfig` in the stack's configuration, or the provider's `kubeconfig`.",
  });
}

/** The path of an existing file, or undefined where the text is no path. */
export function kubeconfigPath(kubeconfig: string): string | undefined {
  if (kubeconfig.includes("\n")) return undefined;
  const path = kubeconfig.startsWith("~/") ? join(homedir(), kubeconfig.slice(2)) : kubeconfig;
  return existsSync(path) ? path : undefined;
}
