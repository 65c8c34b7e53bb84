import { describe, expect, it } from "vitest";
import { pkiPaths } from "../../../toolchain/embedded-kubernetes/certificates.ts";
import {
  componentArguments,
  encryptionConfigText,
  kubeconfigText,
} from "../../../toolchain/embedded-kubernetes/configuration.ts";
import { adviceFor } from "../../../toolchain/embedded-kubernetes/launch.ts";
import { COMPONENTS, clusterPaths } from "../../../toolchain/embedded-kubernetes/paths.ts";
import { componentOf } from "../../../toolchain/embedded-kubernetes/processes.ts";

const paths = clusterPaths("/home/me/my project");
const pki = pkiPaths(paths.pki);
const ports = { etcd: 1001, apiServer: 1002, controllerManager: 1003 };
const args = (component: (typeof COMPONENTS)[number]) => componentArguments(component, paths, pki, ports);

describe("the cluster's command lines", () => {
  it("listen on 127.0.0.1 and nowhere else, with TLS", () => {
    const addresses = COMPONENTS.flatMap(args).filter((word) =>
      /^--(bind|listen|advertise|initial-adv)/.test(word),
    );
    expect(addresses).toHaveLength(7);
    for (const word of addresses) expect(word).toMatch(/=(https:\/\/)?127\.0\.0\.1(:\d+)?$/);
  });

  it("let nobody in without a certificate", () => {
    expect(args("etcd")).toEqual(expect.arrayContaining(["--client-cert-auth", "--peer-client-cert-auth"]));
    expect(args("kube-apiserver")).toContain("--anonymous-auth=false");
    expect(args("kube-apiserver")).toContain("--authorization-mode=Node,RBAC");
  });

  it("are known again as those of this folder, and no other's", () => {
    for (const component of COMPONENTS) {
      const command = [`/somewhere/${component}`, ...args(component)];
      expect(componentOf(command, paths.folder)).toBe(component);
      expect(componentOf(command, `${paths.folder}-2`)).toBeUndefined();
      expect(componentOf(command, "/home/me/my")).toBeUndefined();
      expect(componentOf(["grep", ...args(component)], paths.folder)).toBeUndefined();
    }
  });
});

describe("the cluster's files", () => {
  it("make a kubeconfig that stands alone", () => {
    const text = kubeconfigText({
      name: "edgeflock",
      user: "u",
      port: 1,
      authority: "A",
      certificate: "C",
      key: "K",
    });
    const config = JSON.parse(text);
    expect(config["current-context"]).toBe("edgeflock");
    expect(config.clusters[0].cluster.server).toBe("https://127.0.0.1:1");
    expect(config.users[0].user["client-key-data"]).toBe(Buffer.from("K").toString("base64"));
  });

  it("encrypt Secrets first and read plain ones second", () => {
    const [rule] = JSON.parse(encryptionConfigText(new Uint8Array(32))).resources;
    expect(rule.resources).toEqual(["secrets"]);
    expect(rule.providers.map((provider: object) => Object.keys(provider)[0])).toEqual([
      "secretbox",
      "identity",
    ]);
  });
});

describe("the advice after a failed start", () => {
  it.each([
    ["write /x: no space left on device", /Make room/],
    ["accept: too many open files", /ulimit/],
    ["open /x/etcd/member/wal: permission denied", /writable/],
    ["walpb: crc mismatch", /store is damaged/],
    ["something else", /cluster reset/],
  ])("for %j is %s", (log, advice) => {
    expect(adviceFor(log, "etcd.log")).toMatch(advice);
  });
});
