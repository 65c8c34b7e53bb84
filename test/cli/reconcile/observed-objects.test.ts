import { describe, expect, it } from "vitest";
import { type ObservedObject, ObservedObjects } from "../../../cli/reconcile/observed-objects.ts";

const device = (generation: number, metadata: object = {}, status?: object): ObservedObject => ({
  kind: "Device",
  metadata: { name: "a", namespace: "site", uid: "1", generation, ...metadata },
  spec: {},
  ...(status && { status }),
});

describe("observed objects", () => {
  const changes = (...seen: ObservedObject[]) => {
    const objects = new ObservedObjects();
    const versions = seen.map((each) => {
      objects.put(each);
      return objects.version;
    });
    return versions.at(-1)! - versions[0]!;
  };

  it("are changed by another generation, label, UID or approval", () => {
    expect(changes(device(1), device(2))).toBe(1);
    expect(changes(device(1), device(1, { labels: { hall: "north" } }))).toBe(1);
    expect(changes(device(1), device(1, { uid: "2" }))).toBe(1);
    expect(changes(device(1), device(1, { annotations: { "edgeflock.io/approve": "x" } }))).toBe(1);
  });

  it("are not changed by our own status, the order of labels or other annotations", () => {
    expect(changes(device(1), device(1, {}, { observedGeneration: 1 }))).toBe(0);
    expect(
      changes(device(1, { labels: { a: "1", b: "2" } }), device(1, { labels: { b: "2", a: "1" } })),
    ).toBe(0);
    expect(changes(device(1), device(1, { annotations: { note: "x" } }))).toBe(0);
  });

  it("tell their listeners when one goes, once", () => {
    const objects = new ObservedObjects();
    objects.put(device(1));
    let told = 0;
    objects.onChange(() => told++);
    objects.remove(device(1));
    objects.remove(device(1));
    expect(told).toBe(1);
  });
});
