// Where the publishers keep their files, for this machine. Touches nothing.
import type { OfficialFile } from "./download.ts";
import { ETCD, KUBERNETES, PULUMI } from "./versions.ts";

export interface OfficialTool extends OfficialFile {
  checksums: string;
  /** Programs inside of a .tar.gz that are kept, as patterns of their file names; absent: the file is the program. */
  keep?: RegExp;
}

export interface Platform {
  os: NodeJS.Platform;
  arch: string;
}

/** The servers' programs are published for Linux alone; Windows archives are zip files, which is what WSL is for. */
export function officialTool(name: string, platform: Platform = thisPlatform()): OfficialTool | undefined {
  const { os } = platform;
  const goArch = { x64: "amd64", arm64: "arm64" }[platform.arch];
  if (!goArch || (os !== "linux" && os !== "darwin")) return undefined;
  switch (name) {
    case "pulumi": {
      const base = "https://get.pulumi.com/releases/sdk";
      return {
        url: `${base}/pulumi-v${PULUMI}-${os}-${platform.arch}.tar.gz`,
        checksums: `${base}/pulumi-${PULUMI}-checksums.txt`,
        keep: /^(pulumi|pulumi-language-nodejs|pulumi-resource-pulumi-nodejs|pulumi-analyzer-policy)$/,
      };
    }
    case "kube-apiserver":
    case "kube-controller-manager":
    case "kube-scheduler":
    case "kubelet":
      return os === "linux" ? kubernetesFile(name, os, goArch) : undefined;
    case "kubectl":
      return kubernetesFile(name, os, goArch);
    case "etcd": {
      if (os !== "linux") return undefined;
      const base = `https://github.com/etcd-io/etcd/releases/download/v${ETCD}`;
      return {
        url: `${base}/etcd-v${ETCD}-linux-${goArch}.tar.gz`,
        checksums: `${base}/SHA256SUMS`,
        keep: /^etcd$/,
      };
    }
    default:
      return undefined;
  }
}

function kubernetesFile(name: string, os: string, arch: string): OfficialTool {
  const url = `https://dl.k8s.io/release/v${KUBERNETES}/bin/${os}/${arch}/${name}`;
  return { url, checksums: `${url}.sha256` };
}

export function thisPlatform(): Platform {
  return { os: process.platform, arch: process.arch };
}
