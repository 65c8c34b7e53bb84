// Finds what runs containers on this machine: podman, else docker. Starts it to ask for its version and rights.
import { basename } from "node:path";
import { VisibleError } from "../model/visible-error.ts";
import { findOnPath } from "./path-lookup.ts";
import { tryCommand } from "./run-command.ts";

export interface ContainerEngine {
  kind: "podman" | "docker";
  /** Path of the program. */
  command: string;
  /** The user and group, `0:0`, that have this user's rights inside of a container. */
  user: string;
  /** Whether it keeps to limits of memory, processors and processes. */
  limits: boolean;
}

/** Names or paths; the first that works is taken. Set by those who have both. */
const CHOICE = "EDGEFLOCK_CONTAINER_ENGINE";

/** What one is needed for, and what else would do. */
interface Need {
  what: string;
  otherwise: string;
}

const BUILDS: Need = {
  what: "the class's firmware is built in a container",
  otherwise: ', or let the class build with "executor: process"',
};
/** To make an image there is no other way. */
export const MAKES_IMAGE: Need = { what: "an image is made by podman or docker", otherwise: "" };

/**
 * @throws VisibleError that says what is there and why it does not do, and how to get one
 */
export async function findContainerEngine(
  environment: NodeJS.ProcessEnv = process.env,
  { what, otherwise }: Need = BUILDS,
): Promise<ContainerEngine> {
  const chosen = environment[CHOICE];
  const names = chosen ? [chosen] : ["podman", "docker"];
  const reasons: string[] = [];
  for (const name of names) {
    const files = name.includes("/") ? [name] : await findOnPath(name, environment);
    for (const file of files) {
      const engine = await examine(file, environment);
      if (typeof engine !== "string") return engine;
      reasons.push(`\n  ${file}: ${engine}`);
    }
  }
  throw new VisibleError(
    reasons.length === 0
      ? `${what}, and there is no ${names.join(" or ")} on PATH`
      : `${what}, but containers cannot be run here:${reasons.join("")}`,
    {
      hint: `install podman (on Debian and Ubuntu "apt install podman") or docker${otherwise}`,
    },
  );
}

/** @returns a sentence where it does not work */
async function examine(command: string, environment: NodeJS.ProcessEnv): Promise<ContainerEngine | string> {
  const kind = basename(command).includes("docker") ? "docker" : "podman";
  // docker's client answers without its server; both answer this only if containers can be run
  const format =
    kind === "docker"
      ? "{{.ServerVersion}}"
      : "rootless={{.Host.Security.Rootless}} cgroups={{.Host.CgroupsVersion}}";
  const { exitCode, stdout, all } = await tryCommand([command, "info", "--format", format], {
    env: environment,
    timeout: 60_000,
  });
  if (exitCode !== 0) return all.trim().split("\n").at(-1)?.slice(0, 300) || "does not run";
  const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  // Rootless podman shows this user as root inside; docker's server runs as root and shows users as they are.
  const user = kind === "podman" ? "0:0" : `${uid}:${gid}`;
  return { kind, command, user, limits: keepsLimits(stdout) };
}

/** Exported for tests. Without root, podman limits nothing where cgroups are of version 1, and only says so. */
export function keepsLimits(information: string): boolean {
  return !/rootless=true cgroups=v1/.test(information);
}
