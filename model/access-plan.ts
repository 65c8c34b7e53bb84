// Who may do what in a fleet's namespace: ServiceAccounts and the Roles that are bound to them. Pure; touches nothing.
// A right on a device's Secret goes by name (`resourceNames`), as nothing else in RBAC tells Secrets apart. Rights on the
// four kinds count once their definitions are installed (CustomResources); until then they are about nothing.
import {
  API_GROUP,
  boardLeaseName,
  deviceSecretName,
  flashConfigMapName,
  type Kind,
  PLURALS,
} from "./names.ts";
import { compareText } from "./problem.ts";

/** What a token can be asked for; docs/access.md says what each may do. */
export const ACCESS_ROLES = ["clusters", "devices", "flasher", "dashboard"] as const;
export type AccessRole = (typeof ACCESS_ROLES)[number];

/** https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/role-v1/ */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

export interface PlannedRole {
  /** Also the name of its binding. */
  name: string;
  /** Whose it is. */
  role: AccessRole;
  rules: PolicyRule[];
}

export interface AccessPlan {
  /** Roles of the namespace, each bound to the ServiceAccount of its `role`. */
  roles: PlannedRole[];
  /** For what no namespace holds; none where the fleet must not create clusters. */
  clusterRoles: PlannedRole[];
}

export interface AccessInput {
  namespace: string;
  /** Name of the DevicesCluster. */
  cluster: string;
  /** Names of the classes, devices. */
  classes: readonly string[];
  devices: readonly string[];
  /** Whether to grant what creating further clusters takes. */
  createsClusters: boolean;
  /** Whether the broker's users are objects of RabbitMQ's topology operator. */
  brokerOperator?: boolean;
}

/** Objects that hold the classes' firmware; known once it is built. */
export interface ArtifactObjects {
  configMaps: readonly string[];
  /** Parts of artefacts that were built with a secret. */
  secrets: readonly string[];
}

/** Names in one list: two lists of 63 characters each then stay far below the 1.5 MB that etcd takes. */
export const MAX_NAMES = 1000;

const READ = ["get", "list", "watch"];
const WRITE = ["create", "update", "patch", "delete"];
const CORE = "";
const LEASES = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
const IN_NAMESPACE = ["DeviceClass", "DeviceGroup", "Device"] as const;
const BROKER_OBJECTS: PolicyRule = {
  apiGroups: ["rabbitmq.com"],
  resources: ["permissions", "topicpermissions", "users", "vhosts"],
  verbs: [...READ, ...WRITE],
};
/** To tell what became of devices and classes. */
const TELL: PolicyRule = { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] };
const EVENTS: PolicyRule = { apiGroups: [CORE, "events.k8s.io"], resources: ["events"], verbs: READ };

/** ServiceAccount of a role. */
export function accountName(role: AccessRole): string {
  return `edgeflock-${role}`;
}

const GLOBAL_ROLES = ["clusters", "dashboard"] as const satisfies AccessRole[];

/** ClusterRole of a role of the fleet in this namespace: fleets of one Kubernetes don't share it, so each can go alone. */
function clusterRoleName(role: (typeof GLOBAL_ROLES)[number], namespace: string): string {
  return `${accountName(role)}-${namespace}`;
}

/** All ClusterRoles that a fleet in this namespace may have; each is also the name of its binding. */
export function clusterRoleNames(namespace: string): string[] {
  return GLOBAL_ROLES.map((role) => clusterRoleName(role, namespace));
}

/** Equal input, in whatever order, gives an equal plan. */
export function accessPlan(input: AccessInput): AccessPlan {
  const devices = sorted(input.devices);
  const chunks = chunked(devices, MAX_NAMES);
  return {
    roles: [
      { name: accountName("clusters"), role: "clusters", rules: clustersRules(input) },
      ...splitRole("devices", devicesRules(), chunks, manageDevices),
      ...splitRole("flasher", flasherRules(sorted(input.classes)), chunks, flashDevices),
      { name: accountName("dashboard"), role: "dashboard", rules: dashboardRules() },
    ],
    clusterRoles: input.createsClusters ? [creatorRole(input), viewerRole(input)] : [],
  };
}

/** What a flasher reads besides; goes to its first Role. */
export function artifactRules({ configMaps, secrets }: ArtifactObjects): PolicyRule[] {
  return [
    ...named(CORE, "configmaps", ["get"], sorted(configMaps)),
    ...named(CORE, "secrets", ["get"], sorted(secrets)),
  ];
}

/** Everything of ours in the namespace. The other roles hold less, so this one may make and bind them. */
export function clustersRules({
  brokerOperator = false,
}: Pick<AccessInput, "brokerOperator"> = {}): PolicyRule[] {
  return [
    {
      apiGroups: [CORE],
      resources: ["configmaps", "secrets", "serviceaccounts"],
      verbs: [...READ, ...WRITE],
    },
    { apiGroups: [CORE], resources: ["serviceaccounts/token"], verbs: ["create"] },
    { apiGroups: [CORE], resources: ["namespaces"], verbs: ["get", "update", "patch", "delete"] },
    { ...LEASES, verbs: [...READ, ...WRITE] },
    {
      apiGroups: ["rbac.authorization.k8s.io"],
      resources: ["rolebindings", "roles"],
      verbs: [...READ, ...WRITE],
    },
    ofKinds(IN_NAMESPACE, [...READ, ...WRITE]),
    ...(brokerOperator ? [BROKER_OBJECTS] : []),
    EVENTS,
    TELL,
  ];
}

/**
 * Creating is no matter of names, so it comes without any. In a namespace it made it has no right by this, and of
 * DevicesClusters it changes its own alone.
 */
function creatorRole({ namespace, cluster }: AccessInput): PlannedRole {
  const names = clusterRoleNames(namespace);
  return {
    name: clusterRoleName("clusters", namespace),
    role: "clusters",
    rules: [
      { apiGroups: [CORE], resources: ["namespaces"], verbs: [...READ, "create"] },
      ...named("rbac.authorization.k8s.io", "clusterrolebindings", ["get"], names),
      ...named("rbac.authorization.k8s.io", "clusterroles", ["get"], names),
      ofKinds(["DevicesCluster"], [...READ, "create"]),
      ...named(API_GROUP, PLURALS.DevicesCluster, ["update", "patch", "delete"], [cluster]),
    ],
  };
}

/** A DevicesCluster stands in no namespace. */
function viewerRole({ namespace, cluster }: AccessInput): PlannedRole {
  return {
    name: clusterRoleName("dashboard", namespace),
    role: "dashboard",
    rules: named(API_GROUP, PLURALS.DevicesCluster, ["get"], [cluster]),
  };
}

function devicesRules(): PolicyRule[] {
  return [
    { ...LEASES, verbs: ["get", "list", "watch", "create"] },
    ofKinds(["Device"], [...READ, ...WRITE]),
    ofKinds(["DeviceClass", "DeviceGroup"], READ),
  ];
}

/**
 * No right to create Secrets: that can't be limited to names or types, and whoever may create any Secret may make
 * one that Kubernetes fills with the token of a more powerful ServiceAccount.
 */
function manageDevices(devices: string[]): PolicyRule[] {
  return [
    ...named(CORE, "secrets", ["get", "update", "patch", "delete"], devices.map(deviceSecretName)),
    ...named("coordination.k8s.io", "leases", ["update", "patch", "delete"], devices.map(boardLeaseName)),
  ];
}

function flasherRules(classes: string[]): PolicyRule[] {
  return [
    { ...LEASES, verbs: ["list", "create"] },
    ...named(CORE, "configmaps", ["get"], classes.map(flashConfigMapName)),
  ];
}

function flashDevices(devices: string[]): PolicyRule[] {
  return [
    ...named(CORE, "secrets", ["get"], devices.map(deviceSecretName)),
    ...named("coordination.k8s.io", "leases", ["get", "update", "patch"], devices.map(boardLeaseName)),
  ];
}

function dashboardRules(): PolicyRule[] {
  return [
    { apiGroups: [CORE], resources: ["configmaps"], verbs: READ },
    { apiGroups: [CORE], resources: ["namespaces"], verbs: ["get"] },
    { ...LEASES, verbs: READ },
    ofKinds(IN_NAMESPACE, READ),
    EVENTS,
  ];
}

/** Never their `status`: that is written by Edgeflock alone. */
function ofKinds(kinds: readonly Kind[], verbs: string[]): PolicyRule {
  return { apiGroups: [API_GROUP], resources: kinds.map((kind) => PLURALS[kind]), verbs };
}

/** A rule for these names; none for no name, as a rule without names would be for all. */
function named(apiGroup: string, resource: string, verbs: string[], resourceNames: string[]): PolicyRule[] {
  if (resourceNames.length === 0) return [];
  return [{ apiGroups: [apiGroup], resources: [resource], verbs, resourceNames }];
}

/** The first Role holds the common rules and the first devices, further ones only further devices. */
function splitRole(
  role: AccessRole,
  common: PolicyRule[],
  chunks: string[][],
  rulesFor: (devices: string[]) => PolicyRule[],
): PlannedRole[] {
  const [first = [], ...rest] = chunks;
  return [
    { name: accountName(role), role, rules: [...common, ...rulesFor(first)] },
    ...rest.map((devices, index) => ({
      name: `${accountName(role)}-${index + 2}`,
      role,
      rules: rulesFor(devices),
    })),
  ];
}

function chunked(names: string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(names.length / size) }, (_, index) =>
    names.slice(index * size, (index + 1) * size),
  );
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort(compareText);
}
