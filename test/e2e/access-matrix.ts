// The matrix of roles, verbs and resources: what the plan says of a cell, and what the API server says and does.
import {
  type KubernetesApi,
  KubernetesError,
  type KubernetesObject,
  type Method,
} from "../../kubernetes/api.ts";
import type { AccessPlan, AccessRole, PolicyRule } from "../../model/access-plan.ts";

export const VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"] as const;
export type Verb = (typeof VERBS)[number];

export interface Target {
  group: string;
  /** @default `<group>/v1` */
  version?: string;
  /** As in a rule: `serviceaccounts/token` too. */
  resource: string;
  /** None for what lives in no namespace. */
  namespace?: string;
  name: string;
  /** For a create: what is sent. */
  body: Record<string, unknown>;
}

/** What the plan says. Only rules of the namespace count there; those of the ClusterRole count everywhere. */
export function planned(
  plan: AccessPlan,
  home: string,
  role: AccessRole,
  verb: Verb,
  target: Target,
): boolean {
  const roles = plan.roles.filter((each) => each.role === role && target.namespace === home);
  const everywhere = plan.clusterRoles.filter((each) => each.role === role);
  return [...roles, ...everywhere].some(({ rules }) => rules.some((rule) => allows(rule, verb, target)));
}

function allows(rule: PolicyRule, verb: Verb, { group, resource, name }: Target): boolean {
  if (!rule.apiGroups.includes(group) || !rule.resources.includes(resource) || !rule.verbs.includes(verb)) {
    return false;
  }
  if (rule.resourceNames === undefined) return true;
  return hasName(verb, resource) && rule.resourceNames.includes(name);
}

/** Whether a request of this kind tells the name of one object. */
function hasName(verb: Verb, resource: string): boolean {
  return resource.includes("/") || !["list", "watch", "create"].includes(verb);
}

/** What the API server says to whoever asks. */
export async function reviewed(api: KubernetesApi, verb: Verb, target: Target): Promise<boolean> {
  const [resource = "", subresource] = target.resource.split("/");
  const resourceAttributes = {
    verb,
    group: target.group,
    resource,
    ...(subresource && { subresource }),
    ...(target.namespace !== undefined && { namespace: target.namespace }),
    ...(hasName(verb, target.resource) && { name: target.name }),
  };
  const { status } = await api.request<{ status: { allowed: boolean } }>(
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    {
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes },
      },
    },
  );
  return status.allowed;
}

/** What it does: a real request that changes nothing (`dryRun`). Only "Forbidden" counts as no. */
export async function done(
  api: KubernetesApi,
  verb: Verb,
  target: Target,
  live: KubernetesObject | undefined,
): Promise<boolean> {
  const { method, path, query, body, contentType } = requestFor(verb, target, live);
  try {
    const options = { query, ...(body !== undefined && { body }), ...(contentType && { contentType }) };
    await api.request(method, path, options);
    return true;
  } catch (error) {
    if (error instanceof KubernetesError) return error.status !== 403;
    // A watch ends after a second, with no or several events instead of one JSON document.
    if (verb === "watch" && (error as Error).cause instanceof SyntaxError) return true;
    throw error;
  }
}

interface Request {
  method: Method;
  path: string;
  query: Record<string, string | number | boolean>;
  body?: unknown;
  contentType?: string;
}

function requestFor(verb: Verb, target: Target, live: KubernetesObject | undefined): Request {
  const [resource = "", subresource] = target.resource.split("/");
  const version = target.group === "" ? "/api/v1" : `/apis/${target.version ?? `${target.group}/v1`}`;
  const isNamespace = resource === "namespaces";
  const scope = target.namespace === undefined || isNamespace ? "" : `/namespaces/${target.namespace}`;
  const collection = `${version}${scope}/${resource}`;
  const path = `${collection}/${target.name}${subresource ? `/${subresource}` : ""}`;
  const dryRun = { dryRun: "All" };
  switch (verb) {
    case "get":
      return { method: "GET", path, query: {} };
    case "list":
      return { method: "GET", path: collection, query: { limit: 1 } };
    case "watch":
      return { method: "GET", path: collection, query: { watch: true, timeoutSeconds: 1 } };
    case "create":
      return { method: "POST", path: subresource ? path : collection, query: dryRun, body: target.body };
    case "update":
      return { method: "PUT", path, query: dryRun, body: live ?? target.body };
    case "patch":
      return {
        method: "PATCH",
        path,
        query: dryRun,
        body: { metadata: { labels: { tried: "yes" } } },
        contentType: "application/merge-patch+json",
      };
    case "delete": {
      // With a body the server heeds no query.
      const body = { apiVersion: "v1", kind: "DeleteOptions", dryRun: ["All"] };
      return { method: "DELETE", path, query: {}, body };
    }
  }
}
