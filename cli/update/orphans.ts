// Which objects of the cluster bear a token of this stack although no resource of its state stands for them. Pure.
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { OWNER_ANNOTATION } from "../../kubernetes/owned-object.ts";
import { ownerToken } from "../../model/owner-token.ts";

export interface StateResource {
  urn: string;
  type: string;
  id?: string;
}

/**
 * An object goes only where the whole component that its token names is unknown to the state: what a component that is
 * there has too much, its own resources see to.
 *
 * @param stack `<project>/<stack>`
 */
export function orphans(
  objects: readonly KubernetesObject[],
  resources: readonly StateResource[],
  stack: string,
): { object: KubernetesObject; token: string }[] {
  const known = new Set(
    resources.filter(({ type }) => type.startsWith("edgeflock:")).map(({ urn }) => ownerToken(urn)),
  );
  return objects.flatMap((object) => {
    const token = object.metadata.annotations?.[OWNER_ANNOTATION];
    return token?.startsWith(`${stack}/`) && !known.has(token) ? [{ object, token }] : [];
  });
}

/** Namespaces that the stack's resources are in, by the ids of its Kubernetes objects. */
export function namespacesOf(resources: readonly StateResource[]): string[] {
  const namespaces = resources.flatMap(({ type, id }) =>
    type === "kubernetes:core/v1:Namespace" && id !== undefined ? [id] : [],
  );
  return [...new Set(namespaces)];
}
