// What a node needs of this machine: Linux, root, and Debian's containerd and runc. Looks at PATH; changes nothing.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { VisibleError } from "../../../model/visible-error.ts";
import { findOnPath } from "../../path-lookup.ts";

export interface NodePrograms {
  containerd: string;
  /** Talks to containerd. */
  ctr: string;
  unshare: string;
  /** Folder of the network plugins. */
  cniPlugins: string;
}

const NEEDED = ["containerd", "ctr", "unshare", "runc"] as const;
/** Debian's place, and everybody else's. */
const CNI_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin"];

/** @throws VisibleError that names everything that is missing */
export async function nodePrograms(): Promise<NodePrograms> {
  const problems: string[] = [];
  if (process.platform !== "linux") problems.push("this is no Linux");
  else if (process.getuid?.() !== 0) problems.push("only root can start one");
  const found = new Map<string, string>();
  for (const name of NEEDED) {
    const [path] = await findOnPath(name);
    if (path === undefined) problems.push(`there is no ${name} on PATH`);
    else found.set(name, path);
  }
  if (problems.length > 0) {
    throw new VisibleError(`A node of Kubernetes cannot run here: ${problems.join("; ")}.`, {
      hint: 'On Debian and Ubuntu: "apt install containerd runc containernetworking-plugins", then as root.',
    });
  }
  const cniPlugins = CNI_FOLDERS.find((folder) => existsSync(join(folder, "loopback"))) ?? CNI_FOLDERS[0]!;
  const path = (name: (typeof NEEDED)[number]): string => found.get(name)!;
  return { containerd: path("containerd"), ctr: path("ctr"), unshare: path("unshare"), cniPlugins };
}
