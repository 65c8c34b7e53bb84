// Opens what a station flashes from: the class in a cluster.
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import type { FlashSource } from "../../flash/station/flash-source.ts";
import { connect } from "../../kubernetes/api.ts";

export interface SourceOptions {
  namespace?: string;
  kubeconfig?: string;
  context?: string;
}

export async function openSource(className: string, options: SourceOptions): Promise<FlashSource> {
  return openClusterSource(className, options);
}

export async function openClusterSource(className: string, options: SourceOptions): Promise<ClusterSource> {
  const { kubeconfig, context } = options;
  const api = await connect({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) });
  return ClusterSource.open(api, options.namespace ?? api.namespace, className);
}
