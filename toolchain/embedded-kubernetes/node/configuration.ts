// Command lines and configuration texts of the node: scheduler, containerd, kubelet. Pure.
import type { Pki } from "../certificates.ts";
import type { ClusterPaths } from "../paths.ts";
import type { NodePaths } from "./paths.ts";

/** The node's name; also the address of its kubelet. */
export const NODE_NAME = "127.0.0.1";
/**
 * Of the namespace kube-system, which everybody who runs updates may read: pods here reach the API server over this
 * machine's own network, other than those of a cluster of yours.
 */
export const EMBEDDED_NODE_LABEL = "edgeflock.io/embedded-node";
export const PAUSE_IMAGE = "edgeflock.local/pause:1";
/** Namespace of containerd in which Kubernetes looks for images. */
export const CONTAINERD_NAMESPACE = "k8s.io";

/** Of the kernel, which the kubelet wants so; the machine's own stay as they are. */
export const KERNEL_SETTINGS = {
  "vm/overcommit_memory": "1",
  "kernel/panic": "10",
  "kernel/panic_on_oops": "1",
} as const;

export function schedulerArguments(node: NodePaths): string[] {
  return [
    `--kubeconfig=${node.schedulerKubeconfig}`,
    "--leader-elect=false",
    // it serves nothing
    "--secure-port=0",
    "--profiling=false",
  ];
}

/** One kill of this process ends everything that runs in the node, containers too. */
export function unshareArguments(node: NodePaths): string[] {
  return [
    ...["--mount", "--pid", "--fork", "--kill-child=KILL", "--propagation", "private", "--mount-proc"],
    ...["/bin/sh", node.init],
  ];
}

export function initScript(
  node: NodePaths,
  paths: Pick<ClusterPaths, "logs">,
  programs: { containerd: string; kubelet: string },
): string {
  const settings = Object.keys(KERNEL_SETTINGS).map(
    (name) => `mount --bind ${quoted(`${node.sysctl}/${name.replace("/", ".")}`)} /proc/sys/${name}`,
  );
  const kubelet = [
    programs.kubelet,
    `--config=${node.kubeletConfig}`,
    `--kubeconfig=${node.kubeletKubeconfig}`,
    `--root-dir=${node.kubeletMount}`,
    `--hostname-override=${NODE_NAME}`,
  ];
  return `#!/bin/sh
# Process 1 of the node's own process and mount namespaces. Where one of the two ends, the whole node does.
set -eu
${settings.join("\n")}
mount --bind ${quoted(node.kubeletRoot)} ${quoted(node.kubeletMount)}
${quoted(programs.containerd)} --config ${quoted(node.containerdConfig)} >>${quoted(`${paths.logs}/containerd.log`)} 2>&1 &
containerd=$!
while kill -0 $containerd && ! [ -S ${quoted(node.socket)} ]; do sleep 0.1; done
${kubelet.map(quoted).join(" ")} >>${quoted(`${paths.logs}/kubelet.log`)} 2>&1 &
kubelet=$!
while kill -0 $containerd 2>/dev/null && kill -0 $kubelet 2>/dev/null; do sleep 1; done
`;
}

/** https://github.com/containerd/containerd/blob/v1.6.20/docs/cri/config.md */
export function containerdConfigText(node: NodePaths, cniPlugins: string): string {
  return `version = 2
root = ${toml(node.containerdRoot)}
state = ${toml(`${node.run}/containerd`)}
[grpc]
  address = ${toml(node.socket)}
[ttrpc]
  address = ${toml(`${node.socket}.ttrpc`)}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${toml(PAUSE_IMAGE)}
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  enable_unprivileged_ports = false
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${toml(cniPlugins)}
    conf_dir = ${toml(node.cni)}
[plugins."io.containerd.internal.v1.opt"]
  path = ${toml(`${node.run}/opt`)}
`;
}

/** The node counts as not ready without a network; pods use the machine's own. */
export function cniConfigText(): string {
  return `${JSON.stringify({ cniVersion: "1.0.0", name: "lo", type: "loopback" })}\n`;
}

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
export function kubeletConfigText(node: NodePaths, pki: Pki, port: number): string {
  const { kubeletServer } = pki.certificates;
  return `${JSON.stringify(
    {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      address: "127.0.0.1",
      port,
      readOnlyPort: 0,
      healthzPort: 0,
      tlsCertFile: kubeletServer,
      tlsPrivateKeyFile: kubeletServer,
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: pki.authority },
      },
      authorization: { mode: "Webhook" },
      containerRuntimeEndpoint: `unix://${node.socket}`,
      cgroupDriver: "cgroupfs",
      cgroupRoot: `/${node.cgroup}`,
      failCgroupV1: false,
      failSwapOn: false,
      makeIPTablesUtilChains: false,
      oomScoreAdj: 0,
      podLogsDir: `${node.folder}/pod-logs`,
      volumePluginDir: `${node.folder}/volume-plugins`,
      // nothing can be pulled again, and the disk is a person's own
      imageGCHighThresholdPercent: 100,
      evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
      nodeStatusUpdateFrequency: "5s",
      syncFrequency: "30s",
      registerNode: true,
      shutdownGracePeriod: "0s",
    },
    null,
    2,
  )}\n`;
}

function toml(text: string): string {
  return JSON.stringify(text);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
