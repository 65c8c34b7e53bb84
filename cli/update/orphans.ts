// Which objects of the cluster bear a token of this stack although no resource of its state stands for them. Pure.
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { OWNER_ANNOTATION } from "../../kubernetes/owned-object.ts";
import { clusterRoleNames } from "../../model/access-plan.ts";
import { ROOT_KEY_ANNOTATION } from "../../model/annotations.ts";
import { ownerToken } from "../../model/owner-token.ts";

export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  outputs?: Record<string, unknown>;
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

/**
 * Of the orphans those that are ours for certain: a token says project and stack, and two people with states of their
 * own may call both the same. What stands in a namespace is looked for in ours alone. A Namespace tells by the root key
 * that it bears whose it is, and a ClusterRole by its Namespace.
 *
 * @param fingerprint of the stack's root key; undefined where it has none
 * @param namespaces that are ours
 */
export function certainlyOurs<T extends { object: KubernetesObject }>(
  found: readonly T[],
  fingerprint: string | undefined,
  namespaces: readonly string[],
): T[] {
  const byKey = ({ kind, metadata }: KubernetesObject) =>
    kind === "Namespace" &&
    fingerprint !== undefined &&
    metadata.annotations?.[ROOT_KEY_ANNOTATION] === fingerprint;
  const left = found.filter(({ object }) => byKey(object)).map(({ object }) => object.metadata.name);
  const roles = new Set([...namespaces, ...left].flatMap(clusterRoleNames));
  return found.filter(({ object }) => {
    const { kind, metadata } = object;
    return (
      metadata.namespace !== undefined || byKey(object) || (kind !== "Namespace" && roles.has(metadata.name))
    );
  });
}

/** Namespaces that the stack's resources are in, by the ids of its Kubernetes objects. */
export function namespacesOf(resources: readonly StateResource[]): string[] {
  const namespaces = resources.flatMap(({ type, id }) =>
    type === "kubernetes:core/v1:Namespace" && id !== undefined ? [id] : [],
  );
  return [...new Set(namespaces)];
}
