import { describe, expect, it } from "vitest";
import { renaming } from "../../components/renaming.ts";
import { refuseForeign } from "../../kubernetes/owned-object.ts";
import { ownerToken } from "../../model/owner-token.ts";

const urn = (type: string, name: string) => `urn:pulumi:prod::fleet::${type}::${name}`;
const CLUSTER = "edgeflock:index:DevicesCluster";

describe("the owner's token", () => {
  it("is project, stack and resource", () => {
    expect(ownerToken(urn(CLUSTER, "gh"))).toBe("fleet/prod/gh");
    expect(ownerToken(urn(`${CLUSTER}$edgeflock:index:Device`, "gh/cam-001"))).toBe("fleet/prod/gh/cam-001");
    expect(ownerToken(urn(`${CLUSTER}$edgeflock:index:Device`, "a::b"))).toBe("fleet/prod/a::b");
    expect(ownerToken(urn(CLUSTER, "new"), "old")).toBe("fleet/prod/old");
  });

  it("is another one in another place of the program, where the engine would create anew and then delete", () => {
    const usual = ownerToken(urn(`${CLUSTER}$edgeflock:index:Device`, "cam"));
    const moved = ["my:Site", "my:Site$my:Hall", "edgeflock:index:Device"].map((parent) =>
      ownerToken(
        urn(parent === "edgeflock:index:Device" ? parent : `${parent}$edgeflock:index:Device`, "cam"),
      ),
    );
    expect(new Set([usual, ...moved]).size).toBe(4);
    for (const token of moved) expect(token.startsWith("fleet/prod/")).toBe(true);
  });

  it("lets nobody write over what bears another, or none, and says what to do", () => {
    const live = (token?: string) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        namespace: "gh",
        name: "s",
        ...(token !== undefined && { annotations: { "edgeflock.io/owner": token } }),
      },
    });
    expect(() => refuseForeign(live("fleet/prod/gh/new"), ["fleet/prod/gh/new"])).not.toThrow();
    expect(() =>
      refuseForeign(live("fleet/prod/gh/old"), ["fleet/prod/gh/new", "fleet/prod/gh/old"]),
    ).not.toThrow();
    const refusal = (token?: string) => {
      try {
        refuseForeign(live(token), ["fleet/prod/gh/new"]);
        return "";
      } catch (error) {
        return `${(error as Error).message} ${(error as { hint?: string }).hint}`;
      }
    };
    expect(refusal()).toMatch(
      /Secret gh\/s exists already and was not made by Edgeflock\. .*edgeflock adopt gh/,
    );
    expect(refusal("fleet/prod/gh/old")).toMatch(/belongs to fleet\/prod\/gh\/old.*"formerly"/);
    expect(refusal("other/prod/gh/new")).toMatch(/belongs to other\/prod\/gh\/new.*Delete or rename/);
  });
});

describe("former names of a component", () => {
  const now = { namespace: "gh", name: "c" };

  it("give aliases where the resource's name follows the name, and none where the program named it otherwise", () => {
    expect(renaming("gh/c", now, ["a", "site/b"]).formerResources).toEqual(["gh/a", "site/b"]);
    expect(renaming("c", now, ["a"]).aliases).toEqual([{ name: "a" }]);
    expect(renaming("my-camera", now, ["a"]).aliases).toEqual([]);
  });

  it("are said of the last rename, and derive from the first name", () => {
    const { renamed, shown, original } = renaming("gh/c", now, ["a", "b"]);
    expect([renamed, shown, original]).toEqual([
      "from b",
      { renamed: "from b" },
      { namespace: "gh", name: "a" },
    ]);
    expect(renaming("gh/c", now, []).shown).toEqual({});
  });
});
