// Frees a device of its board: its Lease loses its holder, under the condition that nobody changed it meanwhile.
import { BoardLeases } from "../../flash/board-lease.ts";
import { connect } from "../../kubernetes/api.ts";
import { CLASS_LABEL, CLUSTER_LABEL, deviceSecretName } from "../../model/names.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { SourceOptions } from "./open-source.ts";

/**
 * @param confirm throws when the person does not want it
 * @returns the board that had the device; undefined when none had
 */
export async function freeBoard(
  device: string,
  options: SourceOptions,
  confirm: (holder: string) => Promise<void>,
): Promise<string | undefined> {
  const { kubeconfig, context } = options;
  const api = await connect({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) });
  const namespace = options.namespace ?? api.namespace;
  const metadata = { name: deviceSecretName(device), namespace };
  const secret = await api.getOrUndefined<{ metadata: { labels?: Record<string, string> } }>({
    apiVersion: "v1",
    kind: "Secret",
    metadata,
  });
  const labels = secret?.metadata.labels ?? {};
  const [cluster, className] = [labels[CLUSTER_LABEL], labels[CLASS_LABEL]];
  if (!cluster || !className) {
    throw new VisibleError(`There is no device "${device}" in namespace "${namespace}".`, {
      hint: "Check its name and --namespace.",
      exitCode: 6,
    });
  }
  const leases = new BoardLeases(api, { cluster, namespace, class: className });
  const { holder } = await leases.read(device);
  if (holder === undefined) return undefined;
  await confirm(holder);
  if (!(await leases.release(device, holder))) {
    throw new VisibleError(`The Lease of ${device} was changed at this moment.`, {
      hint: "Run this again.",
      exitCode: 11,
    });
  }
  return holder;
}
