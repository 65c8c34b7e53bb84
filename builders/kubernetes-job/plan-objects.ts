// The objects beside a builder's Job, all owned by it: its input, its source, the place for its results with the
// right to write there and nothing else, and the rules for its network. Pure.
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { JOB_LABEL, type StepRequest, type UploadGrant } from "./contract.ts";
import { type Egress, egressRules } from "./egress.ts";
import { type JobObjectNames, jobObjectNames } from "./names.ts";

export interface JobOwner {
  name: string;
  namespace: string;
  uid: string;
}

export interface ObjectsPlan {
  owner: JobOwner;
  request: StepRequest;
  /** Content of the files that the request names, by key. */
  files: Record<string, Uint8Array>;
  /** The gzipped tar, cut. */
  source: readonly Uint8Array[];
  grant: UploadGrant;
  /** Where its pod may send to. */
  egress: readonly Egress[];
}

export function planObjects(plan: ObjectsPlan): KubernetesObject[] {
  const names = jobObjectNames(plan.owner.name);
  const { to } = plan.grant;
  return [
    networkPolicy(plan, names),
    ...plan.source.map((bytes, index) =>
      object(plan.owner, "v1", "ConfigMap", names.source(index), {
        immutable: true,
        binaryData: { part: base64(bytes) },
      }),
    ),
    object(plan.owner, "v1", "Secret", names.input, {
      immutable: true,
      type: "edgeflock.io/builder-input",
      data: {
        "request.json": base64(Buffer.from(JSON.stringify(plan.request))),
        ...Object.fromEntries(Object.entries(plan.files).map(([key, bytes]) => [key, base64(bytes)])),
      },
    }),
    object(plan.owner, "v1", "Secret", names.grant, {
      immutable: true,
      type: "edgeflock.io/builder-grant",
      data: { "grant.json": base64(Buffer.from(JSON.stringify(plan.grant))) },
    }),
    ...(to.kind === "objects" ? uploadObjects(plan.owner, names, to) : []),
  ];
}

/** The objects are there before the pod is: a right to create one could not be limited to its name. */
function uploadObjects(
  owner: JobOwner,
  names: JobObjectNames,
  to: UploadGrant["to"] & { kind: "objects" },
): KubernetesObject[] {
  const kind = to.resource === "secrets" ? "Secret" : "ConfigMap";
  const subject = { kind: "ServiceAccount", name: names.upload, namespace: owner.namespace };
  return [
    ...to.names.map((name) =>
      object(owner, "v1", kind, name, kind === "Secret" ? { type: "edgeflock.io/builder-output" } : {}),
    ),
    object(owner, "v1", "ServiceAccount", names.upload, { automountServiceAccountToken: false }),
    object(owner, "rbac.authorization.k8s.io/v1", "Role", names.upload, {
      rules: [{ apiGroups: [""], resources: [to.resource], resourceNames: to.names, verbs: ["patch"] }],
    }),
    object(owner, "rbac.authorization.k8s.io/v1", "RoleBinding", names.upload, {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: names.upload },
      subjects: [subject],
    }),
  ];
}

function networkPolicy({ owner, egress }: ObjectsPlan, names: JobObjectNames) {
  return object(owner, "networking.k8s.io/v1", "NetworkPolicy", names.network, {
    spec: {
      podSelector: { matchLabels: { [JOB_LABEL]: owner.name } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [],
      egress: egressRules(egress),
    },
  });
}

function object(
  owner: JobOwner,
  apiVersion: string,
  kind: string,
  name: string,
  content: Record<string, unknown>,
): KubernetesObject {
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace: owner.namespace,
      labels: { [JOB_LABEL]: owner.name, "app.kubernetes.io/managed-by": "edgeflock" },
      ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: owner.name, uid: owner.uid }],
    },
    ...content,
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
