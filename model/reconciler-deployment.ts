// The reconciler as a Deployment: every object that it takes, for `kubectl apply`. Pure; touches nothing.
import { MANAGED_BY, MANAGED_BY_LABEL } from "./names.ts";
import { RECONCILER, type RightsInput, type RightsObject, reconcilerRights } from "./reconciler-rights.ts";

export interface DeploymentInput extends RightsInput {
  /** That `edgeflock reconcile image` made. */
  image: string;
  /** Where the image has the project. */
  projectPath: string;
  stack: string;
  /** Where the stack's state is: https://www.pulumi.com/docs/iac/concepts/state-and-backends/ */
  backend: string;
  /** The kube-context that the stack's configuration names; in the Pod it leads to the Pod's own cluster. */
  context: string;
  replicas: number;
  dryRun: boolean;
}

export const METRICS_PORT = 9464;
const LABELS = { "app.kubernetes.io/name": RECONCILER, [MANAGED_BY_LABEL]: MANAGED_BY };
const KUBECONFIG_FOLDER = "/etc/edgeflock";
const SECRETS_FOLDER = "/var/run/edgeflock";
const WRITABLE = "/work";
const ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
/** For an update that is under way: pulumi finishes what it has begun. */
const GRACE_SECONDS = 600;

/** In the order in which they can be applied. */
export function reconcilerObjects(input: DeploymentInput): RightsObject[] {
  const { namespace } = input;
  const objects: RightsObject[] = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    ...reconcilerRights(input),
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: RECONCILER, namespace },
      data: { kubeconfig: `${JSON.stringify(kubeconfig(input), null, 2)}\n` },
    },
    networkPolicy(namespace),
    deployment(input),
  ];
  return objects.map((object) => ({ ...object, metadata: { ...object.metadata, labels: LABELS } }));
}

/** The token is read anew for each request, as Kubernetes renews it. */
function kubeconfig({ context, namespace }: DeploymentInput) {
  const server = "https://kubernetes.default.svc";
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "own", cluster: { server, "certificate-authority": `${ACCOUNT_FOLDER}/ca.crt` } }],
    users: [{ name: "own", user: { tokenFile: `${ACCOUNT_FOLDER}/token` } }],
    contexts: [{ name: context, context: { cluster: "own", user: "own", namespace } }],
    "current-context": context,
  };
}

/** Nobody needs to reach it but who reads its metrics. */
function networkPolicy(namespace: string): RightsObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: RECONCILER, namespace },
    spec: {
      podSelector: { matchLabels: LABELS },
      policyTypes: ["Ingress"],
      ingress: [{ ports: [{ port: METRICS_PORT, protocol: "TCP" }] }],
    },
  };
}

function deployment(input: DeploymentInput): RightsObject {
  const { namespace, replicas } = input;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: RECONCILER, namespace },
    spec: {
      replicas,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          serviceAccountName: RECONCILER,
          terminationGracePeriodSeconds: GRACE_SECONDS,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65532,
            fsGroup: 65532,
            seccompProfile: { type: "RuntimeDefault" },
          },
          containers: [container(input)],
          volumes: [
            { name: "kubeconfig", configMap: { name: RECONCILER } },
            { name: "secrets", secret: { secretName: RECONCILER, defaultMode: 0o400 } },
            { name: "work", emptyDir: {} },
          ],
        },
      },
    },
  };
}

function container({ image, projectPath, stack, backend, dryRun }: DeploymentInput) {
  const probe = (path: string) => ({ httpGet: { path, port: METRICS_PORT }, periodSeconds: 10 });
  return {
    name: "reconciler",
    image,
    workingDir: projectPath,
    command: ["edgeflock", "reconcile"],
    args: [
      ...["--stack", stack, "--host", "0.0.0.0", "--port", String(METRICS_PORT)],
      ...(dryRun ? ["--dry-run"] : []),
    ],
    env: [
      { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      { name: "KUBECONFIG", value: `${KUBECONFIG_FOLDER}/kubeconfig` },
      { name: "PULUMI_BACKEND_URL", value: backend },
      { name: "PULUMI_CONFIG_PASSPHRASE_FILE", value: `${SECRETS_FOLDER}/passphrase` },
      { name: "HOME", value: WRITABLE },
      { name: "TMPDIR", value: WRITABLE },
    ],
    // What the backend wants, such as AWS_ACCESS_KEY_ID, where it has no identity of its own.
    envFrom: [{ secretRef: { name: `${RECONCILER}-backend`, optional: true } }],
    ports: [{ name: "metrics", containerPort: METRICS_PORT }],
    livenessProbe: { ...probe("/healthz"), failureThreshold: 6 },
    readinessProbe: probe("/readyz"),
    resources: { requests: { cpu: "100m", memory: "512Mi" }, limits: { memory: "4Gi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      { name: "kubeconfig", mountPath: KUBECONFIG_FOLDER, readOnly: true },
      { name: "secrets", mountPath: SECRETS_FOLDER, readOnly: true },
      { name: "work", mountPath: WRITABLE },
      { name: "work", mountPath: `${projectPath}/.edgeflock`, subPath: "project" },
    ],
  };
}
