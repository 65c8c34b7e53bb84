// The fields whose change replaces an object instead of updating it: the official plugin's table, since
// the same change must have the same effect. Pure.
// Source of the rules: pulumi-kubernetes, provider/pkg/provider/diff.go
import type { Properties } from "../property-values.ts";
import { isSecretObject, text } from "./api-object.ts";

export interface Mutability {
  /** ConfigMaps and Secrets are replaced when their data changes, unless the provider's options say otherwise. */
  configMaps: boolean;
  secrets: boolean;
}

/** Paths of dots; `*` stands for any position in a list. A path covers all that is below it. */
export function replacingFields(object: Properties, mutable: Mutability): string[] {
  return ["metadata.name", "metadata.namespace", ...kindFields(object, mutable)];
}

function kindFields(object: Properties, mutable: Mutability): string[] {
  const isImmutable = object.immutable === true;
  if (isSecretObject(object)) {
    return !mutable.secrets || isImmutable ? ["type", "stringData", "data"] : ["type"];
  }
  const apiVersion = text(object, "apiVersion").replace(/^core\//, "");
  if (apiVersion === "v1" && object.kind === "ConfigMap") {
    return !mutable.configMaps || isImmutable ? ["binaryData", "data"] : [];
  }
  const fields = FIELDS[text(object, "kind")];
  return fields?.apiVersions.test(apiVersion) ? fields.paths : [];
}

const spec = (...names: string[]): string[] => names.map((name) => `spec.${name}`);

const CONTAINER = [
  ...["args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports"],
  ...["readinessProbe", "resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath"],
  ...["terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts", "workingDir"],
];

const WORKLOAD = { apiVersions: /^apps\/v1(beta2)?$/, paths: spec("selector") };
const BINDING = { apiVersions: /^rbac\.authorization\.k8s\.io\//, paths: ["roleRef"] };

const FIELDS: Record<string, { apiVersions: RegExp; paths: string[] }> = {
  DaemonSet: WORKLOAD,
  Deployment: WORKLOAD,
  StatefulSet: {
    apiVersions: /^apps\//,
    paths: spec(
      ...["podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates"],
    ),
  },
  Job: { apiVersions: /^batch\//, paths: spec("completions", "parallelism", "selector", "template") },
  PodDisruptionBudget: { apiVersions: /^policy\/v1beta1$/, paths: ["spec"] },
  ClusterRoleBinding: BINDING,
  RoleBinding: BINDING,
  StorageClass: { apiVersions: /^storage\.k8s\.io\/v1$/, paths: ["parameters", "provisioner"] },
  PersistentVolume: {
    apiVersions: /^v1$/,
    paths: spec(
      ...["awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume"],
      ...["flocker", "gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "nfs"],
      ...[
        "photonPersistentDisk",
        "portworxVolume",
        "quobyte",
        "rbd",
        "scaleIO",
        "storageos",
        "vsphereVolume",
      ],
    ),
  },
  PersistentVolumeClaim: {
    apiVersions: /^v1$/,
    paths: spec("accessModes", "selector", "storageClassName", "volumeName"),
  },
  Pod: {
    apiVersions: /^v1$/,
    paths: [
      ...spec(
        ...["affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks"],
        ...["hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName"],
        ...[
          "nodeSelector",
          "overhead",
          "preemptionPolicy",
          "priority",
          "priorityClassName",
          "readinessGates",
        ],
        ...["restartPolicy", "runtimeClassName", "schedulerName", "securityContext", "serviceAccount"],
        ...["serviceAccountName", "shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds"],
        "volumes",
      ),
      ...["containers", "initContainers"].flatMap((list) =>
        CONTAINER.map((name) => `spec.${list}.*.${name}`),
      ),
    ],
  },
  ResourceQuota: { apiVersions: /^v1$/, paths: spec("scopes") },
  Service: { apiVersions: /^v1$/, paths: spec("clusterIP") },
};
