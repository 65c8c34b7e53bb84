import { describe, expect, it } from "vitest";
import {
  boardLeaseName,
  classSecretName,
  clusterSecretName,
  deviceSecretName,
  dnsLabelProblem,
  flashConfigMapName,
  groupSecretName,
  KINDS,
  nameMax,
  nameProblem,
  objectLabels,
} from "../../model/names.ts";
import { editDistance, suggest } from "../../model/suggest.ts";

describe("names of objects", () => {
  it("are those that scripts and people rely on", () => {
    expect([
      clusterSecretName("a"),
      classSecretName("a"),
      groupSecretName("a"),
      groupSecretName("a", { secret: { name: "own" } }),
      deviceSecretName("a"),
      flashConfigMapName("a"),
      boardLeaseName("a"),
    ]).toEqual([
      "a-devices-cluster",
      "a-device-class",
      "a-device-group",
      "own",
      "a-device",
      "a-flash",
      "a-board",
    ]);
  });

  it("fit a DNS label for the longest name of each kind", () => {
    const made = {
      DevicesCluster: [clusterSecretName],
      DeviceClass: [classSecretName, flashConfigMapName],
      DeviceGroup: [groupSecretName],
      Device: [deviceSecretName, boardLeaseName],
    };
    for (const kind of KINDS) {
      const longest = "x".repeat(nameMax(kind));
      expect(nameProblem(kind, longest)).toBeUndefined();
      expect(nameProblem(kind, `${longest}x`)).toMatch(/must have at most/);
      expect(Math.max(...made[kind].map((name) => name(longest).length))).toBe(63);
    }
  });

  it("are labels on what is ours", () => {
    expect(objectLabels({ cluster: "c", device: "d" })).toEqual({
      "app.kubernetes.io/managed-by": "edgeflock",
      "edgeflock.io/cluster": "c",
      "edgeflock.io/device": "d",
    });
  });

  it.each(["", "A", "a_b", "-a", "a-", "a.b", "ä", "a\n", "a b"])(
    "must be DNS labels, which %j is not",
    (name) => {
      expect(dnsLabelProblem(name)).toMatch(/^must/);
    },
  );
});

describe("suggestions", () => {
  it("are the nearest known word, if it is near", () => {
    expect(suggest("settigns", ["settings", "secrets", "selector"])).toBe("settings");
    expect(suggest("Secrets", ["settings", "secrets"])).toBe("secrets");
    expect(suggest("xyz", ["settings", "secrets"])).toBeUndefined();
    expect(suggest("", ["settings"])).toBeUndefined();
    expect(suggest("a".repeat(10_000), ["settings"])).toBeUndefined();
  });

  it.each([
    ["", "abc", 3],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["abc", "ab", 1],
    ["kitten", "sitting", 3],
  ])("count slips: %j to %j takes %d", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});
