// The Job of a builder: its pod, with limits, without rights, and with the steps before and after the builder. Pure.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/
import type { KubernetesObject } from "../../kubernetes/api.ts";
import type { ContainerRequest } from "../contract.ts";
import { DEFAULT_LIMITS } from "../executors/container.ts";
import { BUILDER_USER, buildContainer, CONTAINERS, JOB_LABEL, type JobPlacement, PATHS } from "./contract.ts";
import { jobObjectNames } from "./names.ts";

export interface JobPlan {
  name: string;
  namespace: string;
  /** Image of the steps, by digest. */
  stepsImage: string;
  container: ContainerRequest;
  placement: JobPlacement;
  /** Empty stands for what the image runs by itself. */
  command: string[];
  environment: Record<string, string>;
  /** Milliseconds, for one run of the builder. */
  timeLimit: number;
  /** How many times the builder runs, one after the other. */
  runs: number;
  /** ConfigMaps that hold the packed source. */
  sourceParts: number;
  /** Whether the upload asks the API server. */
  usesApi: boolean;
  annotations: Record<string, string>;
  /** Where pods have no network of their own: the API server on the node's. */
  hostNetwork?: { apiHost: string; apiPort: string };
}

/** Seconds for which a finished Job can be looked at, and its results taken. */
const KEPT_FOR = 600;
/** Seconds beside the builder's own: for finding a node, fetching images and source, and for the upload. */
const OVERHEAD = 900;
/** Pods that may be lost by no fault of the builder before the Job fails. */
const RETRIES = 3;
/** Seconds that a builder gets to end by itself. */
const GRACE = 5;
/** A token is renewed while its pod lives; the API server gives none that is shorter (s). */
const TOKEN_SECONDS = 600;
const STEP_MEMORY = "512Mi";

const LOCKED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

/** Suspended: its pod starts when everything that it needs is there. */
export function planJob(plan: JobPlan): KubernetesObject {
  const labels = { [JOB_LABEL]: plan.name, "app.kubernetes.io/managed-by": "edgeflock" };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: plan.name,
      namespace: plan.namespace,
      labels,
      annotations: plan.annotations,
    },
    spec: {
      suspend: true,
      backoffLimit: RETRIES,
      activeDeadlineSeconds: jobSeconds(plan.timeLimit, plan.runs),
      ttlSecondsAfterFinished: KEPT_FOR,
      // a lost pod's successor starts when the lost one is really gone: the two would upload to one place
      podReplacementPolicy: "Failed",
      podFailurePolicy: { rules: FAILURE_RULES },
      template: { metadata: { labels }, spec: podSpec(plan) },
    },
  };
}

/** How long a Job may take in all; a right to upload lasts as long. S3 gives none for more than a week. */
export function jobSeconds(timeLimit: number, runs: number): number {
  return Math.min(Math.ceil((timeLimit / 1000) * runs) + OVERHEAD, 7 * 24 * 3600);
}

/**
 * A pod that its node drove out is no failure; a builder that ends with an error fails again the next time. A rule
 * without a container's name is of all of them: there may be 20 rules, and many more containers.
 */
const FAILURE_RULES = [
  { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
  // 137 and 143: somebody ended it
  { action: "FailJob", onExitCodes: { operator: "NotIn", values: [0, 137, 143] } },
];

function podSpec(plan: JobPlan) {
  const { placement, hostNetwork, usesApi } = plan;
  const names = jobObjectNames(plan.name);
  return {
    restartPolicy: "Never",
    // the token is a volume of the upload alone
    automountServiceAccountToken: false,
    ...(usesApi && { serviceAccountName: names.upload }),
    enableServiceLinks: false,
    terminationGracePeriodSeconds: GRACE,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: BUILDER_USER,
      runAsGroup: BUILDER_USER,
      fsGroup: BUILDER_USER,
      seccompProfile: { type: "RuntimeDefault" },
    },
    ...(placement.nodeSelector && { nodeSelector: placement.nodeSelector }),
    ...(placement.priorityClass !== undefined && { priorityClassName: placement.priorityClass }),
    ...(hostNetwork && { hostNetwork: true }),
    initContainers: [
      prepareContainer(plan),
      ...Array.from({ length: plan.runs }, (_, index) => builderContainer(plan, index)),
    ],
    containers: [uploadContainer(plan)],
    volumes: volumes(plan),
  };
}

function prepareContainer(plan: JobPlan) {
  return {
    name: CONTAINERS.prepare,
    image: plan.stepsImage,
    args: ["prepare"],
    env: [{ name: "HOME", value: PATHS.temporary }],
    workingDir: PATHS.input,
    securityContext: LOCKED,
    resources: stepResources(),
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [
      { name: "request", mountPath: PATHS.request, readOnly: true },
      ...(plan.sourceParts > 0
        ? [{ name: "packed-source", mountPath: PATHS.packedSource, readOnly: true }]
        : []),
      { name: "input", mountPath: PATHS.input },
      { name: "secrets", mountPath: PATHS.secrets },
      { name: "output", mountPath: PATHS.output },
      { name: "tmp", mountPath: PATHS.temporary },
    ],
  };
}

function builderContainer(plan: JobPlan, index: number) {
  const { container, placement } = plan;
  const { memory = DEFAULT_LIMITS.memory, cpus = DEFAULT_LIMITS.cpus } = container;
  const [program, ...words] = plan.command;
  const temporary = `${PATHS.work}/tmp`;
  const environment = { HOME: temporary, TMPDIR: temporary, SOURCE_DATE_EPOCH: "0", ...plan.environment };
  const subPath = `${index}`;
  return {
    name: buildContainer(index),
    image: container.image,
    ...(program !== undefined && { command: [program], args: words }),
    env: Object.entries(environment).map(([name, value]) => ({ name, value: literal(value) })),
    workingDir: PATHS.work,
    securityContext: LOCKED,
    resources: {
      limits: { memory: quantity(memory), cpu: `${Math.ceil(cpus * 1000)}m` },
      requests: {
        memory: placement.requests?.memory ? quantity(placement.requests.memory) : quarter(memory),
        cpu: `${Math.ceil((placement.requests?.cpus ?? cpus / 4) * 1000)}m`,
      },
    },
    volumeMounts: [
      { name: "input", mountPath: `${PATHS.work}/input`, subPath, readOnly: true },
      { name: "input", mountPath: `${PATHS.work}/input/source`, subPath: "source", readOnly: true },
      { name: "secrets", mountPath: `${PATHS.work}/input/secrets`, subPath, readOnly: true },
      { name: "output", mountPath: `${PATHS.work}/output`, subPath },
      { name: "tmp", mountPath: temporary, subPath },
      { name: "tmp", mountPath: "/tmp", subPath: `${index}-tmp` },
    ],
  };
}

function uploadContainer(plan: JobPlan) {
  const { hostNetwork, usesApi } = plan;
  return {
    name: CONTAINERS.upload,
    image: plan.stepsImage,
    args: ["upload"],
    env:
      hostNetwork && usesApi
        ? [
            { name: "KUBERNETES_SERVICE_HOST", value: hostNetwork.apiHost },
            { name: "KUBERNETES_SERVICE_PORT", value: hostNetwork.apiPort },
          ]
        : [],
    workingDir: PATHS.output,
    securityContext: LOCKED,
    resources: stepResources(),
    volumeMounts: [
      { name: "grant", mountPath: PATHS.grant, readOnly: true },
      { name: "input", mountPath: PATHS.input, readOnly: true },
      { name: "output", mountPath: PATHS.output, readOnly: true },
    ],
  };
}

function stepResources() {
  return {
    limits: { memory: STEP_MEMORY, cpu: "1" },
    requests: { memory: "128Mi", cpu: "50m" },
  };
}

function volumes(plan: JobPlan) {
  const names = jobObjectNames(plan.name);
  const grant = [
    { secret: { name: names.grant } },
    ...(plan.usesApi
      ? [
          { serviceAccountToken: { path: "token", expirationSeconds: TOKEN_SECONDS } },
          { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        ]
      : []),
  ];
  const parts = Array.from({ length: plan.sourceParts }, (_, index) => ({
    configMap: {
      name: names.source(index),
      items: [{ key: "part", path: `part-${`${index}`.padStart(4, "0")}` }],
    },
  }));
  return [
    { name: "request", projected: { defaultMode: 0o440, sources: [{ secret: { name: names.input } }] } },
    ...(parts.length > 0 ? [{ name: "packed-source", projected: { sources: parts } }] : []),
    { name: "grant", projected: { defaultMode: 0o440, sources: grant } },
    { name: "input", emptyDir: {} },
    // never on a disk
    { name: "secrets", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } },
    { name: "output", emptyDir: {} },
    { name: "tmp", emptyDir: {} },
  ];
}

/** `$(NAME)` would stand for another variable. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables */
function literal(value: string): string {
  return value.replaceAll("$(", () => "$$(");
}

/** "512m" and "4g", as podman spells them, for Kubernetes. */
export function quantity(size: string): string {
  return `${size.slice(0, -1)}${size.endsWith("g") ? "Gi" : "Mi"}`;
}

function quarter(size: string): string {
  const mebibytes = Number(size.slice(0, -1)) * (size.endsWith("g") ? 1024 : 1);
  return `${Math.max(1, Math.ceil(mebibytes / 4))}Mi`;
}
