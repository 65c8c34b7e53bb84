// The subcommands of `edgeflock`, one line each. Their modules are loaded only when they are called.
import type { Command } from "commander";

/** What a module in cli/commands/ exports. */
export interface CommandModule {
  /** Builds the subcommand, with its options, help and action. */
  command(): Command;
}

export interface CommandEntry {
  name: string;
  summary: string;
  /** Heading in the help. */
  group: string;
  load: () => Promise<CommandModule>;
}

export const COMMANDS: CommandEntry[] = [
  {
    name: "pulumi",
    summary: "run pulumi with Edgeflock's environment",
    group: "A fleet:",
    load: () => import("./commands/pulumi.ts"),
  },
  {
    name: "explain",
    summary: "show a device's settings and where each came from",
    group: "A fleet:",
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "status",
    summary: "show which boards have what is declared, and which need flashing",
    group: "A fleet:",
    load: () => import("./commands/status.ts"),
  },
  {
    name: "adopt",
    summary: "take a namespace whose Secrets exist into a stack, credentials as they are",
    group: "A fleet:",
    load: () => import("./commands/adopt.ts"),
  },
  {
    name: "reconcile",
    summary: "keep a stack as the objects in its Kubernetes declare it",
    group: "A fleet:",
    load: () => import("./commands/reconcile.ts"),
  },
  {
    name: "token",
    summary: "get a token or kubeconfig that expires, for a role of a fleet",
    group: "A fleet:",
    load: () => import("./commands/token.ts"),
  },
  {
    name: "artifacts",
    summary: "list, clear up and export the firmware in a fleet's artefact store",
    group: "A fleet:",
    load: () => import("./commands/artifacts.ts"),
  },
  {
    name: "which",
    summary: "show which classes and devices run a library",
    group: "A fleet:",
    load: () => import("./commands/which.ts"),
  },
  {
    name: "flash",
    summary: "flash many boards at once, each as the next device of a class",
    group: "Its boards:",
    load: () => import("./commands/flash.ts"),
  },
  {
    name: "bundle",
    summary: "export devices for flashing without a network, and bring the results back",
    group: "Its boards:",
    load: () => import("./commands/bundle.ts"),
  },
  {
    name: "replace-board",
    summary: "free a device of its board, so that a new one can become it",
    group: "Its boards:",
    load: () => import("./commands/replace-board.ts"),
  },
  {
    name: "virtual-device",
    summary: "run a virtual ESP32 that esptool can flash",
    group: "Its boards:",
    load: () => import("./commands/virtual-device.ts"),
  },
  {
    name: "schema",
    summary: "write the JSON Schema of the manifests, for editors",
    group: "Files and images:",
    load: () => import("./commands/schema.ts"),
  },
  {
    name: "nvs",
    summary: "generate, encrypt, decode and compare NVS images",
    group: "Files and images:",
    load: () => import("./commands/nvs.ts"),
  },
  {
    name: "partitions",
    summary: "read, write and check partition tables",
    group: "Files and images:",
    load: () => import("./commands/partitions.ts"),
  },
  {
    name: "builder-image",
    summary: "make the container image of a builder",
    group: "Files and images:",
    load: () => import("./commands/builder-image.ts"),
  },
  {
    name: "demo",
    summary: "bring up the demo fleet on the embedded Kubernetes",
    group: "This machine:",
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "doctor",
    summary: "show every tool, where it came from and what is missing",
    group: "This machine:",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "cluster",
    summary: "start, stop and inspect the embedded Kubernetes",
    group: "This machine:",
    load: () => import("./commands/cluster.ts"),
  },
  {
    name: "kubectl",
    summary: "run kubectl against the embedded Kubernetes",
    group: "This machine:",
    load: () => import("./commands/kubectl.ts"),
  },
  {
    name: "broker",
    summary: "run an MQTT broker of the project's own, and give one a fleet's users",
    group: "This machine:",
    load: () => import("./commands/broker.ts"),
  },
];
