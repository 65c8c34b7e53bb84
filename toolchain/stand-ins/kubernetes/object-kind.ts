// From a resource's type token to apiVersion and kind, and which of them the stand-in refuses. Pure.
import { VisibleError } from "../../../model/visible-error.ts";
import { OFFICIAL } from "../plugin-server.ts";

export interface ObjectKind {
  apiVersion: string;
  kind: string;
}

/** The type token of a URN: `kubernetes:core/v1:Secret`. */
export function typeOf(urn: string): string {
  return urn.split("::")[2]!.split("$").at(-1)!;
}

/** The resource's own name, the last part of a URN. */
export function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

/** Groups whose kinds are drawn up by the official plugin itself, not by the API server. */
const REFUSED_GROUPS = ["helm.sh", "kustomize", "yaml"];

/** @throws VisibleError for what only the official plugin does */
export function kindOf(urn: string): ObjectKind {
  const type = typeOf(urn);
  const [, groupVersion = "", kind = ""] = type.split(":");
  const [group = "", version] = groupVersion.split("/");
  if (version === undefined || REFUSED_GROUPS.includes(group)) throw refused(type);
  const apiVersion = group === "core" ? version : groupVersion;
  // A Patch resource changes an object that others own; a custom resource may well be called so.
  if (isBuiltIn(apiVersion) && (kind.endsWith("Patch") || kind.endsWith("List"))) throw refused(type);
  return { apiVersion, kind };
}

export function refused(what: string): VisibleError {
  return new VisibleError(`The stand-in pulumi-resource-kubernetes does not do ${what}.`, { hint: OFFICIAL });
}

/** Whether the API server itself defines the group, as opposed to a CustomResourceDefinition. */
export function isBuiltIn(apiVersion: string): boolean {
  const [group, version] = apiVersion.split("/");
  if (version === undefined) return apiVersion === "v1";
  return (
    ["apps", "autoscaling", "batch", "core", "extensions", "policy"].includes(group!) || BUILT_IN.test(group!)
  );
}

const BUILT_IN =
  /^(admissionregistration|apiextensions|apiregistration|auditregistration|certificates|coordination|discovery|events|flowcontrol\.apiserver|internal\.apiserver|networking|node|rbac\.authorization|resource|scheduling|settings|storage|storagemigration)\.k8s\.io$/;
