import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KubernetesError } from "../../../kubernetes/kubernetes-error.ts";
import { connectCluster } from "../../../toolchain/stand-ins/kubernetes/connect-cluster.ts";
import { configDiff, providerConfig } from "../../../toolchain/stand-ins/kubernetes/provider-config.ts";
import { explained } from "../../../toolchain/stand-ins/kubernetes/refusal.ts";
import { secret, UNKNOWN } from "../../../toolchain/stand-ins/property-values.ts";

const kubeconfig = (port: number) => `apiVersion: v1
kind: Config
current-context: here
clusters:
- {name: one, cluster: {server: "http://127.0.0.1:${port}"}}
- {name: two, cluster: {server: "http://127.0.0.2:${port}"}}
contexts:
- {name: here, context: {cluster: one, user: me, namespace: mine}}
- {name: there, context: {cluster: two, user: me}}
users:
- {name: me, user: {token: t}}
`;
const config = (variables: Record<string, string>, environment = {}) =>
  providerConfig(
    new Map(Object.entries(variables).map(([key, value]) => [`kubernetes:config:${key}`, value])),
    environment,
  );

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("the provider's options", () => {
  it("come from its arguments, else from the environment", () => {
    const environment = {
      PULUMI_K8S_ENABLE_SECRET_MUTABLE: "true",
      PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE: "true",
    };
    expect(config({ enableConfigMapMutable: "false" }, environment).mutable).toEqual({
      configMaps: false,
      secrets: true,
    });
  });

  it("that only the official plugin has are refused by name", () => {
    expect(() => config({ enableServerSideApply: "false" })).toThrow(/client-side apply/);
    expect(() => config({ renderYamlToDirectory: "out" })).toThrow(/renderYamlToDirectory/);
    expect(() => config({}, { PULUMI_K8S_SKIP_UPDATE_UNREACHABLE: "true" })).toThrow(/skipUpdateUnreachable/);
  });
});

describe("a change of the configuration", () => {
  it("replaces nothing while the cluster's identifier stays, whatever else changes", () => {
    const olds = { clusterIdentifier: "uid", kubeconfig: kubeconfig(1) };
    expect(
      configDiff(olds, { clusterIdentifier: "uid", kubeconfig: kubeconfig(2), context: "there" }),
    ).toEqual({
      changed: ["kubeconfig", "context"],
      replaces: [],
    });
    expect(configDiff(olds, { clusterIdentifier: "uid", kubeconfig: UNKNOWN }).replaces).toEqual([]);
  });

  it("replaces everything when the identifier changes, but not when one is added or taken away", () => {
    expect(configDiff({ clusterIdentifier: "a" }, { clusterIdentifier: "b" }).replaces).toEqual([
      "clusterIdentifier",
    ]);
    expect(configDiff({}, { clusterIdentifier: "b" }).replaces).toEqual([]);
    expect(configDiff({ clusterIdentifier: "a" }, {}).replaces).toEqual([]);
  });

  it("replaces everything, without an identifier, when the active cluster's entry changes", () => {
    const olds = { kubeconfig: kubeconfig(1) };
    expect(configDiff(olds, { kubeconfig: kubeconfig(2) }).replaces).toEqual(["kubeconfig"]);
    expect(configDiff(olds, { ...olds, context: "there" }).replaces).toEqual(["context"]);
    expect(configDiff(olds, { ...olds, cluster: "two" }).replaces).toEqual(["cluster"]);
    expect(configDiff(olds, { kubeconfig: `${kubeconfig(1)}\n# same\n` }).replaces).toEqual([]);
  });

  it("compares a file's content, not its path", async () => {
    const path = join(folder, "config");
    await writeFile(path, kubeconfig(1));
    expect(configDiff({ kubeconfig: kubeconfig(1) }, { kubeconfig: path })).toEqual({
      changed: ["kubeconfig"],
      replaces: [],
    });
  });

  it("says so where a kubeconfig is neither file nor content", () => {
    expect(() => configDiff({ kubeconfig: "/no/such/file" }, {})).toThrow(/neither a file nor the content/);
  });
});

describe("connecting", () => {
  it("takes a kubeconfig as content, with another context or cluster, and leaves no file behind", async () => {
    const before = (await readdir(tmpdir())).filter((name) => name.startsWith("edgeflock-kubeconfig-"));
    const api = await connectCluster(config({ kubeconfig: kubeconfig(1) }));
    expect([api.server, api.namespace]).toEqual(["http://127.0.0.1:1", "mine"]);
    const there = await connectCluster(config({ kubeconfig: kubeconfig(1), context: "there" }));
    expect(there.server).toBe("http://127.0.0.2:1");
    const two = await connectCluster(config({ kubeconfig: kubeconfig(1), cluster: "two" }));
    expect([two.server, two.contextName]).toEqual(["http://127.0.0.2:1", "here"]);
    const after = (await readdir(tmpdir())).filter((name) => name.startsWith("edgeflock-kubeconfig-"));
    expect(after).toEqual(before);
  });
});

describe("what the API server refuses", () => {
  const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" } };
  const told = (error: KubernetesError, inputs = {}) => {
    const { message, hint } = explained(error, "created", object, { ...object, ...inputs }) as Error & {
      hint?: string;
    };
    return `${message}\n${hint ?? ""}`;
  };

  it("is told with the object, the reason and a way out", () => {
    expect(told(new KubernetesError(409, "AlreadyExists", 'secrets "s" already exists'))).toMatch(
      /Secret n\/s was not created.*already exists\n[\s\S]*alias[\s\S]*import/,
    );
    const conflict = 'Apply failed with 1 conflict: conflict with "kubectl-edit": .data.a';
    expect(told(new KubernetesError(409, "Conflict", conflict))).toMatch(/kubectl-edit[\s\S]*patchForce/);
    expect(told(new KubernetesError(403, "Forbidden", "exceeded quota: q"))).toMatch(
      /quota, or have it raised/,
    );
    expect(told(new KubernetesError(403, "Forbidden", "user cannot create"))).toMatch(/lacks this right/);
  });

  it("does not repeat secrets", () => {
    const error = new KubernetesError(422, "Invalid", 'Invalid value: "hunter22": must not be "hunter2222"');
    expect(told(error, { stringData: { a: "hunter22", b: secret("hunter2222") } })).not.toContain("hunter");
  });
});
