import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { POLICY_PACK, policyArguments } from "../../../cli/update/policies.ts";
import { temporaryFolder } from "../../toolchain/temporary-folder.ts";

describe("a stack's policies", () => {
  let project: string;
  beforeEach(() => {
    project = temporaryFolder();
    mkdirSync(join(project, "stacks"));
    writeFileSync(join(project, "Pulumi.yaml"), "name: p\nruntime: nodejs\nstackConfigDir: stacks\n");
  });
  const asks = (value: string) =>
    writeFileSync(join(project, "stacks/Pulumi.prod.yaml"), `config:\n  edgeflock:policies: ${value}\n`);
  const refused = () => policyArguments(project, "prod").catch((error: Error) => error.message);

  it("are none where the stack asks for none", async () => {
    expect(await policyArguments(project, "prod")).toEqual([]);
  });

  it("are the pack's own where it asks for the default", async () => {
    asks("default");
    expect(await policyArguments(project, "organization/p/prod")).toEqual(["--policy-pack", POLICY_PACK]);
    expect(readFileSync(join(POLICY_PACK, "PulumiPolicy.yaml"), "utf8")).toContain("runtime: nodejs");
  });

  it("are given to pulumi as JSON that only its owner may read", async () => {
    asks("policies.yaml");
    writeFileSync(join(project, "policies.yaml"), "max-changed-devices:\n  devices: 5\nall: mandatory\n");
    const [, , option, file] = await policyArguments(project, "prod");
    expect(option).toBe("--policy-pack-config");
    expect(JSON.parse(readFileSync(file!, "utf8"))).toEqual({
      "max-changed-devices": { devices: 5 },
      all: "mandatory",
    });
    expect(statSync(file!).mode & 0o777).toBe(0o600);
  });

  it("name what is wrong with their file, and where", async () => {
    asks("policies.yaml");
    expect(await refused()).toBe("edgeflock:policies names policies.yaml, which cannot be read.");
    writeFileSync(join(project, "policies.yaml"), "tls-required: [\n");
    expect(await refused()).toMatch(/^policies\.yaml:2:1: /);
    writeFileSync(join(project, "policies.yaml"), "tls-requird: disabled\nx-y-z: advisory\n");
    expect(await refused()).toBe(
      'policies.yaml: there is no rule "tls-requird"; did you mean tls-required?\n' +
        'policies.yaml: there is no rule "x-y-z"; rules: tls-required, images-by-digest, secret-length, max-changed-devices, all',
    );
    writeFileSync(join(project, "policies.yaml"), "- tls-required\n");
    expect(await refused()).toBe("policies.yaml: expected a map from a rule's name to its settings.");
  });
});
