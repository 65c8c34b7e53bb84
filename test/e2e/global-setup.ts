// One embedded Kubernetes for all end-to-end tests of a run, in a folder of its own; stopped and deleted after it.

import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject as VitestProject } from "vitest/node";
import { reset, start } from "../../toolchain/embedded-kubernetes/cluster.ts";

declare module "vitest" {
  interface ProvidedContext {
    kubeconfig: string;
  }
}

export default async function setup(vitest: VitestProject): Promise<() => Promise<void>> {
  const parent = join(fileURLToPath(new URL("../..", import.meta.url)), ".edgeflock", "test-clusters");
  mkdirSync(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "c-"));
  const cluster = await start(folder);
  vitest.provide("kubeconfig", cluster.kubeconfig);
  return async () => {
    await reset(folder);
    await rm(folder, { recursive: true, force: true });
  };
}
