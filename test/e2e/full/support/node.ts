// An embedded Kubernetes with a real node, for the tests of one file; with an image of a shell on it.
import { existsSync, mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type KubernetesApi } from "../../../../kubernetes/api.ts";
import { reset, start } from "../../../../toolchain/embedded-kubernetes/cluster.ts";
import { imageTarget } from "../../../../toolchain/embedded-kubernetes/load-image.ts";
import { type ImageTarget, loadFiles } from "../../../../toolchain/embedded-kubernetes/node/images.ts";
import { nodePrograms } from "../../../../toolchain/embedded-kubernetes/node/prerequisites.ts";

const BUSYBOX = "/bin/busybox";
const APPLETS = "sh cat ls sleep cp id touch echo dd wget true false env head tr mkdir rm grep wc seq".split(
  " ",
);

/** Whether this machine can run one; else the tests are skipped. */
export const nodeIsPossible: boolean =
  existsSync(BUSYBOX) && (await nodePrograms().catch(() => undefined)) !== undefined;

export interface TestNode {
  /** Project folder of the cluster. */
  folder: string;
  kubeconfig: string;
  api: KubernetesApi;
  target: ImageTarget;
  /** Image with a shell, by digest. */
  shell: string;
  remove(): Promise<void>;
}

export async function startTestNode(): Promise<TestNode> {
  const parent = join(fileURLToPath(new URL("../../../..", import.meta.url)), ".edgeflock", "test-clusters");
  mkdirSync(parent, { recursive: true });
  // Checkouts lie deep, and the path of a socket has 107 bytes: the node must come up wherever its folder is.
  const folder = await mkdtemp(join(parent, `${"deep-".repeat(20)}n-`));
  const { kubeconfig } = await start(folder, { node: true });
  const target = await imageTarget(folder);
  const bytes = await readFile(BUSYBOX);
  const files = ["busybox", ...APPLETS].map((name) => ({ path: `bin/${name}`, bytes }));
  return {
    folder,
    kubeconfig,
    api: await connect({ kubeconfig }),
    target,
    shell: await loadFiles(target, files, { entrypoint: ["/bin/sh"] }),
    async remove() {
      await reset(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
