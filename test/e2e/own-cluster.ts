// An embedded Kubernetes in a folder of its own, inside the checkout's ignored .edgeflock/: for a run's tests together, or
// for one file whose objects would concern all others (definitions, admission policies). Starts processes.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { reset, start } from "../../toolchain/embedded-kubernetes/cluster.ts";

export interface OwnCluster extends AsyncDisposable {
  folder: string;
  kubeconfig: string;
}

/** @param prefix of the folder's name */
export async function ownCluster(prefix: string): Promise<OwnCluster> {
  const parent = fileURLToPath(new URL("../../.edgeflock/test-clusters/", import.meta.url));
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, prefix));
  const { kubeconfig } = await start(folder);
  return {
    folder,
    kubeconfig,
    async [Symbol.asyncDispose]() {
      await reset(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
