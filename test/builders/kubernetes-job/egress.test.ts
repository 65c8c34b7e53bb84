import { describe, expect, it } from "vitest";
import {
  type Egress,
  egressRules,
  toApi,
  toRepository,
  toUrl,
} from "../../../builders/kubernetes-job/egress.ts";

const tcp = (port: number) => ({ protocol: "TCP", port });
const dns = { ports: [{ protocol: "UDP", port: 53 }, tcp(53)] };
const anywhere = [
  { ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } },
  { ipBlock: { cidr: "::/0", except: ["fe80::/10"] } },
];

describe("where a builder's pod may send to", () => {
  it("is the API server's own addresses, without so much as a name server", () => {
    const endpoints = [
      { address: "10.96.0.1", port: 443 },
      { address: "fd00::1", port: 6443 },
    ];
    expect(egressRules([toApi(endpoints, "6443")])).toEqual([
      { to: [{ ipBlock: { cidr: "10.96.0.1/32" } }], ports: [tcp(443)] },
      { to: [{ ipBlock: { cidr: "fd00::1/128" } }], ports: [tcp(6443)] },
    ]);
  });

  it("is the API server's ports, where its addresses may not be known", () => {
    expect(egressRules([toApi(undefined, "16443")])).toEqual([
      dns,
      { to: anywhere, ports: [tcp(16443), tcp(443), tcp(6443)] },
    ]);
  });

  it.each<[string, Egress, number]>([
    ["a store", toUrl("https://s3.example/bucket/x?X-Amz=1"), 443],
    ["a store at a port", toUrl("http://10.0.0.1:9000/bucket/x"), 9000],
    ["a plain store", toUrl("http://10.0.0.1/bucket/x"), 80],
    ["a repository", toRepository({ url: "https://git.example/x.git", commit: "" }), 443],
    ["a repository at a port", toRepository({ url: "https://git.example:8443/x.git", commit: "" }), 8443],
    ["a repository by ssh", toRepository({ url: "ssh://git@git.example/x.git", commit: "" }), 22],
    ["a repository as scp writes it", toRepository({ url: "git@git.example:x.git", commit: "" }), 22],
  ])("is the port of %s", (_, way, port) => {
    expect(egressRules([way])).toEqual([dns, { to: anywhere, ports: [tcp(port)] }]);
  });

  it("is everywhere but link-local addresses, where the class allows the network", () => {
    expect(egressRules([toApi([{ address: "10.0.0.1", port: 443 }], ""), { kind: "anywhere" }])).toEqual([
      { to: anywhere },
    ]);
  });
});
