// What the last start left for the next: ports, versions and process ids. One private file.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { writePrivateFile } from "../write-private-file.ts";
import type { ClusterPaths } from "./paths.ts";

const port = z.int().min(1).max(65_535);

const schema = z.object({
  /** The cluster's folder at that time: a checkout may have been moved since. */
  folder: z.string(),
  ports: z.object({ etcd: port, apiServer: port, controllerManager: port }),
  version: z.string(),
  startedAt: z.string(),
  pids: z.object({
    etcd: z.int().positive().optional(),
    "kube-apiserver": z.int().positive().optional(),
    "kube-controller-manager": z.int().positive().optional(),
    "kube-scheduler": z.int().positive().optional(),
    node: z.int().positive().optional(),
  }),
});

export type ClusterState = z.infer<typeof schema>;

/** Nothing where the cluster was never started, or the file is damaged: all in it can be found out again. */
export async function readState(paths: ClusterPaths): Promise<ClusterState | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(paths.state, "utf8")));
  } catch {
    return undefined;
  }
}

export async function writeState(paths: ClusterPaths, state: ClusterState): Promise<void> {
  await writePrivateFile(paths.state, `${JSON.stringify(state, null, 2)}\n`);
}
