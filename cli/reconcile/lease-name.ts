// The Lease by which the replicas of one stack's reconciler agree. Pure; touches nothing.
import { plainStackName } from "../../toolchain/stack-file.ts";

export function leaseName(project: string, stack: string): string {
  const name = ["edgeflock", project, plainStackName(stack)].join("-");
  return name.toLowerCase().replace(/[^a-z0-9-]+/g, "-");
}
