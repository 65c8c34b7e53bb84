// What the reconciler may do: Roles and ClusterRole with no more than its work takes. Pure; touches nothing.
import { accessPlan, clusterRoleNames, clustersRules, type PolicyRule } from "./access-plan.ts";
import { KIND_FACTS } from "./custom-resources/definitions.ts";
import { API_VERSION, KINDS, type Kind } from "./names.ts";

export const RECONCILER = "edgeflock-reconciler";
/** Where Events about DevicesClusters go, which stand in no namespace. */
export const CLUSTER_EVENTS_NAMESPACE = "default";

const RBAC = "rbac.authorization.k8s.io";
const [GROUP] = API_VERSION.split("/") as [string];

/** A DevicesCluster that it keeps. */
export interface KeptFleet {
  cluster: string;
  namespace: string;
}

export interface RightsInput {
  /** Where the reconciler itself runs. */
  namespace: string;
  fleets: readonly KeptFleet[];
  /** Whether the fleets have `access.createsClusters`, which makes ClusterRoles. */
  createsClusters: boolean;
  /** Whether builders run as Kubernetes Jobs. */
  jobs: boolean;
  /** Whether fleets have brokers whose users are objects of RabbitMQ's topology operator. */
  brokerOperator: boolean;
  /** Name of the Lease by which the replicas agree. */
  lease: string;
}

export interface RightsObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  [field: string]: unknown;
}

/** The ServiceAccount, and what is bound to it. */
export function reconcilerRights(input: RightsInput): RightsObject[] {
  const { namespace, fleets, jobs, brokerOperator } = input;
  const inFleet = [...clustersRules({ brokerOperator }), statusRule(MEMBERS), ...(jobs ? JOB_RULES : [])];
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: RECONCILER, namespace } };
  return [
    account,
    ...bound(namespace, clusterRules(input)),
    ...bound(namespace, leaseRules(input.lease), namespace),
    ...bound(namespace, [EVENT_RULE], CLUSTER_EVENTS_NAMESPACE),
    // What `pulumi up` needs in a fleet's namespace, nowhere else. It makes the fleet's Roles, so it holds what they grant.
    ...fleets.flatMap((fleet) => bound(namespace, inFleet, fleet.namespace)),
    ...grantsOnly(namespace),
  ];
}

const EVENT_RULE: PolicyRule = {
  apiGroups: ["events.k8s.io"],
  resources: ["events"],
  verbs: ["get", "create", "patch"],
};

/** A right to create cannot be limited to a name. */
function leaseRules(name: string): PolicyRule[] {
  const leases = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
  return [
    { ...leases, verbs: ["create"] },
    { ...leases, verbs: ["get", "update"], resourceNames: [name] },
  ];
}

/** The kinds that stand in a fleet's namespace. */
const MEMBERS = KINDS.filter((kind) => kind !== "DevicesCluster");

/** To write what became of objects. */
function statusRule(kinds: readonly Kind[]): PolicyRule {
  const resources = kinds.map((kind) => `${KIND_FACTS[kind].plural}/status`);
  return { apiGroups: [GROUP], resources, verbs: ["patch"] };
}

/** To run builders as Jobs, beside what it has already. Whoever makes Jobs runs whatever program they like there. */
const JOB_RULES: PolicyRule[] = [
  {
    apiGroups: ["batch"],
    resources: ["jobs"],
    verbs: ["get", "list", "create", "update", "patch", "delete"],
  },
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
  { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
  { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["get", "create", "delete"] },
];

/** Reads the four kinds everywhere, as it watches them, and writes the status of DevicesClusters. */
function clusterRules({ fleets, createsClusters }: RightsInput): PolicyRule[] {
  const kinds = KINDS.map((kind) => KIND_FACTS[kind].plural);
  return [
    { apiGroups: [GROUP], resources: kinds, verbs: ["get", "list", "watch"] },
    // of all: two that claim one namespace are told so at both
    statusRule(["DevicesCluster"]),
    // Its UID is the cluster's identity.
    {
      apiGroups: [""],
      resources: ["namespaces"],
      verbs: ["get"],
      resourceNames: ["kube-system", ...fleets.map((fleet) => fleet.namespace)],
    },
    ...(createsClusters && fleets.length > 0 ? creatorRules(fleets) : []),
  ];
}

/** To make the fleets' ClusterRoles, and to hold what they grant: Kubernetes lets nobody grant more than they have. */
function creatorRules(fleets: readonly KeptFleet[]): PolicyRule[] {
  const names = fleets.flatMap(({ namespace }) => clusterRoleNames(namespace));
  const resources = ["clusterroles", "clusterrolebindings"];
  const granted = fleets.flatMap((fleet) => {
    const input = { ...fleet, classes: [], devices: [], createsClusters: true };
    return accessPlan(input).clusterRoles.flatMap(({ rules }) => rules);
  });
  return [
    ...new Map(granted.map((rule) => [JSON.stringify(rule), rule])).values(),
    { apiGroups: [RBAC], resources, verbs: ["create"] },
    {
      apiGroups: [RBAC],
      resources,
      verbs: ["get", "update", "patch", "delete"],
      resourceNames: names,
    },
  ];
}

/**
 * What the account has to hold because it grants it, and must never do itself: change what a person declared, or become
 * another account. RBAC cannot tell holding from doing, so the API server is told by a policy.
 */
function grantsOnly(namespace: string): RightsObject[] {
  const kinds = KINDS.map((kind) => KIND_FACTS[kind].plural);
  const policy = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: RECONCILER },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          matched(GROUP, kinds, ["CREATE", "UPDATE", "DELETE"]),
          matched("", ["serviceaccounts/token"], ["CREATE"]),
          matched("", ["secrets"], ["CREATE", "UPDATE"]),
        ],
      },
      matchConditions: [
        {
          name: "reconciler",
          expression: `request.userInfo.username == 'system:serviceaccount:${namespace}:${RECONCILER}'`,
        },
      ],
      validations: [
        {
          expression:
            "request.resource.resource == 'secrets' && object.type != 'kubernetes.io/service-account-token'",
          message: "the reconciler holds this right to grant it to the fleet's roles, and may not use it",
          reason: "Forbidden",
        },
      ],
    },
  };
  const binding = {
    apiVersion: policy.apiVersion,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: policy.metadata,
    spec: { policyName: RECONCILER, validationActions: ["Deny"] },
  };
  return [policy, binding];
}

function matched(group: string, resources: string[], operations: string[]) {
  return { apiGroups: [group], apiVersions: ["*"], resources, operations };
}

/** A Role of a namespace, or a ClusterRole where none is given, and its binding to the reconciler's account. */
function bound(accountNamespace: string, rules: PolicyRule[], namespace?: string): RightsObject[] {
  const kind = namespace === undefined ? "ClusterRole" : "Role";
  const metadata = { name: RECONCILER, ...(namespace !== undefined && { namespace }) };
  return [
    { apiVersion: `${RBAC}/v1`, kind, metadata, rules },
    {
      apiVersion: `${RBAC}/v1`,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: RBAC, kind, name: RECONCILER },
      subjects: [{ kind: "ServiceAccount", name: RECONCILER, namespace: accountNamespace }],
    },
  ];
}
