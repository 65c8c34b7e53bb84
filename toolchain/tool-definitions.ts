// What each tool is: its version, how to ask a program on PATH for its own, how to build it. Starts processes.
import semver from "semver";
import { findOnPath } from "./path-lookup.ts";
import { tryCommand } from "./run-command.ts";
import { ETCD, FITTING, KUBERNETES, PULUMI } from "./versions.ts";

export const TOOL_NAMES = [
  "pulumi",
  "kubectl",
  "kube-apiserver",
  "kube-controller-manager",
  "etcd",
  "esptool",
] as const;
/** What a node needs beside them; made ready only when somebody starts one. */
export const NODE_TOOL_NAMES = ["kube-scheduler", "kubelet", "edgeflock-pause"] as const;
export type ToolName = (typeof TOOL_NAMES)[number] | (typeof NODE_TOOL_NAMES)[number];
/** Those that are one program, published officially and buildable with Go. */
export type GoToolName = Exclude<ToolName, "esptool">;

/** Programs of one module that are built in one go: they share most of the work. */
export type BuildSet = "kubernetes" | "kubernetes-node" | "pulumi";

interface GoTool {
  version: string;
  /** Versions that are taken from PATH. */
  fitting: string;
  /** Arguments that make the program print its version. */
  ask: string[];
  /** Finds the version in what it printed. */
  read(output: string): string | undefined;
  /** Folder under toolchain/go/. */
  module: "kubernetes" | "pulumi";
  /** What is built together with it. */
  set: BuildSet;
  package: string;
}

const plainVersion = (output: string) => /\bv(\d+\.\d+\.\d+)\s*$/m.exec(output)?.[1];

export const GO_TOOLS: Record<GoToolName, GoTool> = {
  pulumi: {
    version: PULUMI,
    fitting: FITTING.pulumi,
    ask: ["version"],
    read: plainVersion,
    module: "pulumi",
    set: "pulumi",
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
  },
  kubectl: {
    version: KUBERNETES,
    fitting: FITTING.kubectl,
    ask: ["version", "--client", "--output=json"],
    // a vendor's own build ("v1.32.4-dispatcher") may hand over to any version: only plain ones are taken
    read: (output) => /"gitVersion": *"v(\d+\.\d+\.\d+)"/.exec(output)?.[1],
    module: "kubernetes",
    set: "kubernetes",
    package: "k8s.io/kubernetes/cmd/kubectl",
  },
  "kube-apiserver": {
    version: KUBERNETES,
    fitting: FITTING.kubernetes,
    ask: ["--version"],
    read: plainVersion,
    module: "kubernetes",
    set: "kubernetes",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
  },
  "kube-controller-manager": {
    version: KUBERNETES,
    fitting: FITTING.kubernetes,
    ask: ["--version"],
    read: plainVersion,
    module: "kubernetes",
    set: "kubernetes",
    package: "k8s.io/kubernetes/cmd/kube-controller-manager",
  },
  "kube-scheduler": {
    version: KUBERNETES,
    fitting: FITTING.kubernetes,
    ask: ["--version"],
    read: plainVersion,
    module: "kubernetes",
    set: "kubernetes-node",
    package: "k8s.io/kubernetes/cmd/kube-scheduler",
  },
  kubelet: {
    version: KUBERNETES,
    fitting: FITTING.kubernetes,
    ask: ["--version"],
    read: plainVersion,
    module: "kubernetes",
    set: "kubernetes-node",
    package: "k8s.io/kubernetes/cmd/kubelet",
  },
  // what the project publishes as an image only
  "edgeflock-pause": {
    version: KUBERNETES,
    fitting: KUBERNETES,
    ask: ["--version"],
    read: plainVersion,
    module: "kubernetes",
    set: "kubernetes-node",
    package: "./edgeflock-pause",
  },
  etcd: {
    version: ETCD,
    fitting: FITTING.etcd,
    ask: ["--version"],
    read: (output) => /etcd Version: (\d+\.\d+\.\d+)/.exec(output)?.[1],
    module: "kubernetes",
    set: "kubernetes",
    package: "./etcd",
  },
};

/** What the linker is told, so that the programs know their own version (clients refuse one that says v0.0.0). */
export const LINKER_VARIABLES: Record<GoTool["module"], Record<string, string>> = {
  kubernetes: { "k8s.io/component-base/version.gitVersion": `v${KUBERNETES}` },
  pulumi: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": `v${PULUMI}` },
};

export interface FoundOnPath {
  path: string;
  version: string;
}

export interface OnPath {
  path: string;
  version: string | undefined;
}

const asked = new Map<string, Promise<OnPath[]>>();

/** Every program of that name on PATH with the version it says it has, fitting or not. Asked once a run. */
export function versionsOnPath(name: GoToolName): Promise<OnPath[]> {
  const key = `${name} ${process.env.PATH}`;
  const answer = asked.get(key) ?? askVersions(name);
  asked.set(key, answer);
  return answer;
}

async function askVersions(name: GoToolName): Promise<OnPath[]> {
  const tool = GO_TOOLS[name];
  // pulumi would look for a newer version of itself, and kubectl read a kubeconfig that need not be sound
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true", KUBECONFIG: "/dev/null" };
  const found: OnPath[] = [];
  for (const path of await findOnPath(name)) {
    const { exitCode, stdout } = await tryCommand([path, ...tool.ask], { env, timeout: 20_000 });
    found.push({ path, version: exitCode === 0 ? tool.read(stdout) : undefined });
  }
  return found;
}

/** The first program of that name on PATH in a fitting version. */
export async function fittingOnPath(name: GoToolName): Promise<FoundOnPath | undefined> {
  for (const { path, version } of await versionsOnPath(name)) {
    if (version && semver.satisfies(version, GO_TOOLS[name].fitting)) return { path, version };
  }
  return undefined;
}
