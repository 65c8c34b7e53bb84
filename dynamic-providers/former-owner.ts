// Who had before what a resource of ours makes outside of its namespace, or at a server: it bears that one's token there.
// Asks the API server.
import type { KubernetesApi, KubernetesObject } from "../kubernetes/api.ts";
import { ADOPTED_FROM_ANNOTATION } from "../model/annotations.ts";
import { ownerTokenIn } from "../model/owner-token.ts";

/**
 * The same resource under another name, or in the stack that the namespace was adopted from; else itself.
 *
 * @param before the owner by the state
 */
export async function formerOwnerOf(
  api: KubernetesApi,
  { namespace, owner }: { namespace: string; owner: string },
  before: string | undefined,
): Promise<string> {
  if (before !== undefined && before !== owner) return before;
  const address = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
  const live = await api.getOrUndefined<KubernetesObject>(address);
  const from = live?.metadata.annotations?.[ADOPTED_FROM_ANNOTATION];
  return from ? ownerTokenIn(from, owner) : owner;
}
