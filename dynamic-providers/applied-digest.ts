// The digest of a resource's inputs as they were applied, which its state keeps to notice changes by. Pure.
import { stableDigest } from "./stable-digest.ts";
import type { ClusterInputs } from "./stack-connection.ts";

/**
 * Over all inputs but where the cluster is found, since a kube-context may get another name without anything having
 * changed in the cluster, and the provider's own text.
 */
export function appliedDigest(inputs: ClusterInputs): string {
  const { kubernetes: _, ...rest } = inputs as ClusterInputs & { __provider?: string };
  delete rest.__provider;
  return stableDigest(rest);
}
