import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type KubernetesApi, KubernetesError, type KubernetesObject } from "../../kubernetes/api.ts";
import { API_GROUP, API_VERSION, type Kind, PLURALS } from "../../model/names.ts";
import { RECONCILER } from "../../model/reconciler-rights.ts";
import { done, type Target, VERBS, type Verb } from "./access-matrix.ts";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import { RECONCILER_NAMESPACE, ReconciledFleet } from "./reconciled-fleet.ts";

const RBAC = "rbac.authorization.k8s.io";
const WRITES = ["create", "update", "patch", "delete"] as const satisfies Verb[];

// With the account that `edgeflock reconcile deployment` prints, and a real token of it: what the API server refuses.
describe("the reconciler's account", () => {
  let fleet: ReconciledFleet;
  let namespace: string;
  let api: KubernetesApi;

  beforeAll(async () => {
    fleet = await ReconciledFleet.create({
      "edgeflock:jobSteps": `registry.example/steps@sha256:${"0".repeat(64)}`,
    });
    namespace = fleet.namespace;
    await fleet.apply(...documents());
    api = await connect({ kubeconfig: fleet.accountKubeconfig });
    await fleet.until("its rights are known", () => done(api, "get", ofKind("Device", "a"), undefined));
    // a policy takes effect a moment after it was made
    await fleet.until("its limits are known", async () => !(await tries("patch", ofKind("Device", "a"))));
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  const documents = () => [
    cluster(namespace),
    deviceClass("node"),
    group("north", "north"),
    device("a", "north"),
  ];

  function target(groupName: string, resource: string, name: string, at?: string, body: object = {}): Target {
    const apiVersion = groupName === "" ? "v1" : `${groupName}/v1`;
    const metadata = { name, ...(at !== undefined && { namespace: at }) };
    return {
      ...{ group: groupName, resource, name, ...(at !== undefined && { namespace: at }) },
      body: { apiVersion, kind: KIND_OF[resource], metadata, ...body },
    };
  }

  function ofKind(kind: Kind, name: string, part = "", at: string | undefined = namespace): Target {
    const document = documents().find((each) => each.kind === kind)!;
    const inside = kind === "DevicesCluster" ? undefined : at;
    const metadata = { name: `new-${name}`, ...(inside !== undefined && { namespace: inside }) };
    return {
      ...target(API_GROUP, `${PLURALS[kind]}${part}`, name, inside, { ...document, metadata }),
      version: API_VERSION,
    };
  }

  /** Really tries it, without changing anything. */
  async function tries(verb: Verb, what: Target): Promise<boolean> {
    const live = verb === "update" ? await liveObject(what) : undefined;
    return done(api, verb, what, live);
  }

  function liveObject({ body, name }: Target): Promise<KubernetesObject | undefined> {
    const { apiVersion, kind, metadata } = body as unknown as KubernetesObject;
    return fleet.api.getOrUndefined({ apiVersion, kind, metadata: { ...metadata, name } });
  }

  async function allowedOf(rows: readonly (readonly [verbs: readonly Verb[], what: Target])[]) {
    const allowed: string[] = [];
    for (const [verbs, what] of rows) {
      for (const verb of verbs) {
        const place =
          what.namespace === undefined
            ? ""
            : ` in ${what.namespace === namespace ? "the fleet" : what.namespace}`;
        if (await tries(verb, what)) allowed.push(`${verb} ${what.resource} ${what.name}${place}`);
      }
    }
    return allowed;
  }

  const secret = (name: string, at: string) => target("", "secrets", name, at);
  const lease = (name: string, at: string) => target("coordination.k8s.io", "leases", name, at);

  /** That of the stack, and there. */
  async function ownLease(): Promise<string> {
    const metadata = { namespace: RECONCILER_NAMESPACE, name: RECONCILER };
    const role = await fleet.api.get({ apiVersion: `${RBAC}/v1`, kind: "Role", metadata });
    const rules = role.rules as { resourceNames?: string[] }[];
    const name = rules.flatMap(({ resourceNames = [] }) => resourceNames)[0]!;
    const lease = { namespace: RECONCILER_NAMESPACE, name };
    const object = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: lease };
    await fleet.api.apply(object as never, { fieldManager: "test" });
    return name;
  }

  it("may do its work", async () => {
    const rows = [
      [["get", "list", "watch"], ofKind("Device", "a")],
      [["get"], ofKind("Device", "any", "", "default")],
      [["patch"], ofKind("Device", "a", "/status")],
      [["patch"], ofKind("DevicesCluster", namespace, "/status")],
      [["get", "list", "create"], secret("new-device", namespace)],
      [["create"], target("batch", "jobs", "firmware-1", namespace, { spec: JOB_SPEC })],
      [["list"], target("", "pods", "some", namespace)],
      [["get", "update", "create"], lease(await ownLease(), RECONCILER_NAMESPACE)],
    ] as const;
    const all = rows.flatMap(([verbs]) => verbs.map(String));
    expect(await allowedOf(rows)).toHaveLength(all.length);
  });

  it("reads and writes no Secret but the fleet's", async () => {
    const rows = ["kube-system", "default", RECONCILER_NAMESPACE].map(
      (at) => [VERBS, secret(RECONCILER, at)] as const,
    );
    expect(await allowedOf(rows)).toEqual([]);
    expect(await done(api, "list", target("", "secrets", "any"), undefined)).toBe(false);
  });

  it("changes nothing that a person declared, though its Roles hold the right to: a policy says so", async () => {
    const own = [
      ofKind("DevicesCluster", namespace),
      ofKind("DeviceClass", "node"),
      ofKind("DeviceGroup", "north"),
      ofKind("Device", "a"),
    ];
    const others = (["DeviceClass", "DeviceGroup", "Device"] as const).map((kind) =>
      ofKind(kind, "any", "", "default"),
    );
    expect(await allowedOf([...own, ...others].map((what) => [WRITES, what]))).toEqual([]);
    const change = api.request("PATCH", `/apis/${API_VERSION}/namespaces/${namespace}/devices/a`, {
      body: { spec: { data: { "place.name": "elsewhere" } } },
      contentType: "application/merge-patch+json",
    });
    await expect(change).rejects.toThrow(/may not use it/);
    // nobody else is meant
    await fleet.kubectl("label", "device", "a", "tried=yes");
  });

  it("becomes nobody else", async () => {
    const spec = { expirationSeconds: 600 };
    const token = target("", "serviceaccounts/token", "default", namespace, {
      ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec },
    });
    const account = { "kubernetes.io/service-account.name": "default" };
    const tokenSecret = target("", "secrets", "token", namespace, {
      metadata: { name: "token", namespace, annotations: account },
      type: "kubernetes.io/service-account-token",
    });
    expect(
      await allowedOf([
        [["create"], token],
        [["create"], tokenSecret],
      ]),
    ).toEqual([]);
    for (const who of [["--as=system:admin"], ["--as=somebody", "--as-group=system:masters"]]) {
      const { exitCode, stderr } = await fleet.project.kubectl(
        ...["--kubeconfig", fleet.accountKubeconfig, ...who, "get", "namespaces"],
      );
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining("cannot impersonate")]);
    }
  });

  it("gives nobody more than it has, itself included", async () => {
    const all = { rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] };
    const exec = { rules: [{ apiGroups: [""], resources: ["pods/exec"], verbs: ["create"] }] };
    const admin = {
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", name: RECONCILER, namespace: RECONCILER_NAMESPACE }],
    };
    const rows = [
      [["create"], target(RBAC, "clusterroles", "all", undefined, all)],
      [["create"], target(RBAC, "clusterrolebindings", "all", undefined, admin)],
      [["update", "patch", "delete"], target(RBAC, "clusterroles", "cluster-admin")],
      [["update", "patch", "delete"], target(RBAC, "clusterroles", RECONCILER)],
      [["update", "patch", "delete"], target(RBAC, "clusterrolebindings", RECONCILER)],
      [["create"], target(RBAC, "roles", "more", namespace, exec)],
      [["create"], target(RBAC, "rolebindings", "more", namespace, admin)],
      [WRITES, target(RBAC, "roles", "any", "default", { rules: [] })],
      [WRITES, target(RBAC, "rolebindings", "any", RECONCILER_NAMESPACE, admin)],
    ] as const;
    expect(await allowedOf(rows)).toEqual([]);
    const path = `/apis/${RBAC}/v1/namespaces/${namespace}/roles/${RECONCILER}`;
    const own = api.request("PATCH", path, { body: exec, contentType: "application/merge-patch+json" });
    await expect(own).rejects.toMatchObject({ status: 403 });
    await expect(own).rejects.toBeInstanceOf(KubernetesError);
  });

  it("touches no definition, policy, webhook, node or pod, and no Lease of others", async () => {
    const admission = "admissionregistration.k8s.io";
    const rows = [
      [WRITES, target("apiextensions.k8s.io", "customresourcedefinitions", `devices.${API_GROUP}`)],
      [WRITES, target(admission, "validatingadmissionpolicies", RECONCILER)],
      [WRITES, target(admission, "validatingadmissionpolicybindings", RECONCILER)],
      [WRITES, target(admission, "mutatingwebhookconfigurations", "any")],
      [VERBS, target("", "nodes", "127.0.0.1")],
      [["get"], target("", "nodes/proxy", "127.0.0.1")],
      [["get", "create"], target("", "pods/exec", "some", namespace)],
      [WRITES, target("", "pods", "some", namespace)],
      [["get"], target("", "pods/log", "some", RECONCILER_NAMESPACE)],
      [WRITES, target("batch", "jobs", "any", "default")],
      [["list", "delete"], lease(await ownLease(), RECONCILER_NAMESPACE)],
      [["get", "update", "patch", "delete"], lease("another", RECONCILER_NAMESPACE)],
      [["patch"], ofKind("Device", "any", "/status", "default")],
      [VERBS, lease("any", "default")],
      [VERBS, lease("any", "kube-system")],
      [["create", "list"], target("", "namespaces", "another")],
      [["update", "patch", "delete"], target("", "namespaces", "kube-system")],
      [["get", "create", "patch"], target("", "configmaps", "any", "default")],
    ] as const;
    // a fleet with access.createsClusters lists and makes namespaces, so it holds that
    expect(await allowedOf(rows)).toEqual(["create namespaces another", "list namespaces another"]);
  });
});

const KIND_OF: Record<string, string> = {
  clusterrolebindings: "ClusterRoleBinding",
  clusterroles: "ClusterRole",
  configmaps: "ConfigMap",
  customresourcedefinitions: "CustomResourceDefinition",
  jobs: "Job",
  leases: "Lease",
  mutatingwebhookconfigurations: "MutatingWebhookConfiguration",
  namespaces: "Namespace",
  nodes: "Node",
  pods: "Pod",
  rolebindings: "RoleBinding",
  roles: "Role",
  secrets: "Secret",
  validatingadmissionpolicies: "ValidatingAdmissionPolicy",
  validatingadmissionpolicybindings: "ValidatingAdmissionPolicyBinding",
};

const JOB_SPEC = {
  template: {
    spec: { restartPolicy: "Never", containers: [{ name: "one", image: "registry.example/one" }] },
  },
};
