// What a person reads after the demo: what exists, where, how to look at it, what to try next. Pure.
import pc from "picocolors";

export interface DemoSummary {
  clusters: Record<string, { namespace: string; devices: number; classes: string[]; groups: string[] }>;
  /** A device to use in the examples, with its class. */
  device: string;
  deviceClass: string;
  /** Operations of the run that just ended, without "same". */
  changes: Record<string, number>;
  seconds: number;
  /** A manifest with a setting worth changing. */
  manifest: string;
}

export function renderSummary(summary: DemoSummary): string {
  return [
    "",
    pc.bold(pc.green("The fleet is up.")) +
      ` ${changesText(summary.changes)} in ${summary.seconds.toFixed(1)} s.`,
    "",
    ...Object.entries(summary.clusters).flatMap(([name, cluster]) => describeCluster(name, cluster)),
    "",
    ...section("See what a device is told, and where each setting came from", [
      `npm run explain -- ${summary.device}`,
    ]),
    ...section(
      "See what is in Kubernetes",
      namespaces(summary).map((n) => `npm run -s kubectl -- -n ${n} get secrets,configmaps`),
    ),
    ...section("See the broker that the boards speak to", ["npm run broker -- status"]),
    ...section("Flash a real board: plug it in, then", [
      `npm run -s kubectl -- -n ${namespaces(summary)[0]} get configmap ${summary.deviceClass}-flash -o 'jsonpath={.data.flash\\.sh}' > flash.sh`,
      `PATH="$PWD/.edgeflock/bin:$PATH" sh flash.sh ${summary.device} --kubeconfig .edgeflock/kubernetes/kubeconfig`,
    ]),
    ...section("Try next", [
      `edit ${summary.manifest}`,
      "npm run pulumi -- preview --stack demo --diff",
      "npm run demo",
    ]),
    ...section("Remove everything", ["npm run demo -- --destroy"]),
  ].join("\n");
}

function describeCluster(name: string, cluster: DemoSummary["clusters"][string]): string[] {
  return [
    `  ${pc.bold(name)}: ${cluster.devices} devices of ${cluster.classes.length} classes (${cluster.classes.join(", ")})`,
    `  in namespace ${cluster.namespace}, groups ${cluster.groups.join(", ") || "none"}`,
  ];
}

function section(title: string, commands: string[]): string[] {
  return [pc.bold(title), ...commands.map((command) => `  ${pc.cyan(command)}`), ""];
}

function namespaces(summary: DemoSummary): string[] {
  return Object.values(summary.clusters).map((cluster) => cluster.namespace);
}

function changesText(changes: Record<string, number>): string {
  const parts = Object.entries(changes).map(([operation, count]) => `${count} ${operation}`);
  return parts.length === 0 ? "0 changes" : `Changes: ${parts.join(", ")}`;
}
