// Command lines and configuration texts of the cluster's three processes. Pure.
import type { Pki } from "./certificates.ts";
import type { ClusterPaths, Component } from "./paths.ts";

/** Ports on 127.0.0.1; nothing listens on any other address. */
export interface Ports {
  etcd: number;
  apiServer: number;
  controllerManager: number;
}

/** What a cluster needs to behave like one, with its one node or without: see docs/embedded-kubernetes.md. */
export const CONTROLLERS = [
  "namespace-controller",
  "garbage-collector-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "root-ca-certificate-publisher-controller",
  "clusterrole-aggregation-controller",
  "job-controller",
  "resourcequota-controller",
  "ttl-after-finished-controller",
  "deployment-controller",
  "replicaset-controller",
  "node-lifecycle-controller",
  "taint-eviction-controller",
  "pod-garbage-collector-controller",
];

const ISSUER = "https://kubernetes.default.svc";

/** The arguments of each process. All secrets are in files: arguments can be read by everybody on a machine. */
export function componentArguments(
  component: Component,
  paths: ClusterPaths,
  pki: Pki,
  ports: Ports,
): string[] {
  switch (component) {
    case "etcd":
      return etcdArguments(paths, pki, ports);
    case "kube-apiserver":
      return apiServerArguments(paths, pki, ports);
    case "kube-controller-manager":
      return controllerManagerArguments(paths, pki, ports);
  }
}

function etcdArguments(paths: ClusterPaths, pki: Pki, ports: Ports): string[] {
  const client = `https://127.0.0.1:${ports.etcd}`;
  // A cluster of one never talks to a peer; the port is the system's choice and asks for a certificate all the same.
  const peer = "https://127.0.0.1:0";
  const certificate = pki.certificates.etcdServer;
  return [
    "--name=edgeflock",
    `--data-dir=${paths.etcdData}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=edgeflock=${peer}`,
    `--cert-file=${certificate}`,
    `--key-file=${certificate}`,
    "--client-cert-auth",
    `--trusted-ca-file=${pki.etcdAuthority}`,
    `--peer-cert-file=${certificate}`,
    `--peer-key-file=${certificate}`,
    "--peer-client-cert-auth",
    `--peer-trusted-ca-file=${pki.etcdAuthority}`,
    // fewer entries kept in memory than for a cluster whose members fall behind
    "--snapshot-count=5000",
    "--log-level=warn",
  ];
}

function apiServerArguments(paths: ClusterPaths, pki: Pki, ports: Ports): string[] {
  const { apiServer, etcdClient, kubeletClient } = pki.certificates;
  return [
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${ports.apiServer}`,
    `--tls-cert-file=${apiServer}`,
    `--tls-private-key-file=${apiServer}`,
    `--client-ca-file=${pki.authority}`,
    "--anonymous-auth=false",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    `--kubelet-client-certificate=${kubeletClient}`,
    `--kubelet-client-key=${kubeletClient}`,
    `--kubelet-certificate-authority=${pki.authority}`,
    `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
    `--etcd-cafile=${pki.etcdAuthority}`,
    `--etcd-certfile=${etcdClient}`,
    `--etcd-keyfile=${etcdClient}`,
    `--encryption-provider-config=${paths.encryption}`,
    `--service-account-issuer=${ISSUER}`,
    `--service-account-key-file=${pki.serviceAccountKey}`,
    `--service-account-signing-key-file=${pki.serviceAccountKey}`,
    "--service-cluster-ip-range=10.0.0.0/24",
    // no Service has endpoints
    "--endpoint-reconciler-type=none",
    "--profiling=false",
  ];
}

function controllerManagerArguments(paths: ClusterPaths, pki: Pki, ports: Ports): string[] {
  const { controllerManagerServer } = pki.certificates;
  return [
    `--kubeconfig=${paths.controllerManagerKubeconfig}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${ports.controllerManager}`,
    `--tls-cert-file=${controllerManagerServer}`,
    `--tls-private-key-file=${controllerManagerServer}`,
    `--controllers=${CONTROLLERS.join(",")}`,
    // each controller with the rights of its own account, as the bootstrap roles are made for
    "--use-service-account-credentials=true",
    "--leader-elect=false",
    `--service-account-private-key-file=${pki.serviceAccountKey}`,
    `--root-ca-file=${pki.authority}`,
    // a namespace with thousands of objects goes away in seconds
    "--kube-api-qps=200",
    "--kube-api-burst=400",
    "--profiling=false",
  ];
}

/** A kubeconfig that holds everything itself, so that it can be copied. JSON is YAML. */
export function kubeconfigText(input: {
  name: string;
  user: string;
  port: number;
  authority: string;
  certificate: string;
  key: string;
}): string {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: input.name,
        cluster: {
          server: `https://127.0.0.1:${input.port}`,
          "certificate-authority-data": base64(input.authority),
        },
      },
    ],
    users: [
      {
        name: input.user,
        user: { "client-certificate-data": base64(input.certificate), "client-key-data": base64(input.key) },
      },
    ],
    contexts: [{ name: input.name, context: { cluster: input.name, user: input.user } }],
    "current-context": input.name,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Secrets are encrypted in the store; what an earlier start wrote in plain can still be read. */
export function encryptionConfigText(key: Uint8Array): string {
  const secret = Buffer.from(key).toString("base64");
  const config = {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [
      {
        resources: ["secrets"],
        providers: [{ secretbox: { keys: [{ name: "key1", secret }] } }, { identity: {} }],
      },
    ],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
