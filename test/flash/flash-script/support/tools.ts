// The real tools that end-to-end tests of flashing use. May put them into the cache.
import { inject } from "vitest";
import { esptoolCommand } from "../../../../toolchain/python.ts";
import { ensureTool } from "../../../../toolchain/tools.ts";

export interface TestTools {
  /** Of the end-to-end run's own cluster, with all rights. */
  kubeconfig: string;
  kubectl: string;
  /** Words of a command, as EDGEFLOCK_ESPTOOL wants them. */
  esptool: string;
}

export async function testTools(): Promise<TestTools> {
  const esptool = await esptoolCommand();
  return {
    kubeconfig: inject("kubeconfig"),
    kubectl: (await ensureTool("kubectl")).path,
    esptool: esptool.join(" "),
  };
}
