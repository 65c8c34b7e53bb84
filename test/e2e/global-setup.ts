// One embedded Kubernetes for all end-to-end tests of a run, in a folder of its own; stopped and deleted after it.
import type { TestProject as VitestProject } from "vitest/node";
import { ownCluster } from "./own-cluster.ts";

declare module "vitest" {
  interface ProvidedContext {
    kubeconfig: string;
  }
}

export default async function setup(vitest: VitestProject): Promise<() => PromiseLike<void>> {
  const cluster = await ownCluster("c-");
  vitest.provide("kubeconfig", cluster.kubeconfig);
  return () => cluster[Symbol.asyncDispose]();
}
