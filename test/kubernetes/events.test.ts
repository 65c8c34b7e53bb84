import { describe, expect, it } from "vitest";
import { eventFor, type Occurrence, type Regarding } from "../../kubernetes/events.ts";

const device: Regarding = {
  apiVersion: "edgeflock.io/v1alpha1",
  kind: "Device",
  namespace: "site",
  name: "a",
  uid: "1",
};
const happened: Occurrence = { type: "Normal", reason: "ConfigChanged", action: "Build", note: "wifi/ssid" };
const at = (occurrence: Partial<Occurrence>, regarding = device) =>
  eventFor(regarding, { ...happened, ...occurrence }, "edgeflock.io/update", new Date(0));

describe("an Event", () => {
  it("is called the same where the same happens again, and otherwise where something else does", () => {
    expect(at({}).metadata.name).toBe(at({}).metadata.name);
    const others = [
      at({ note: "x" }),
      at({ reason: "X" }),
      at({ type: "Warning" }),
      at({}, { ...device, uid: "2" }),
    ];
    expect(new Set([at({}), ...others].map(({ metadata }) => metadata.name)).size).toBe(5);
  });

  it("stands where its object stands, or in default", () => {
    expect(at({}).metadata.namespace).toBe("site");
    const { namespace: _, ...cluster } = device;
    expect(at({}, cluster).metadata.namespace).toBe("default");
  });

  it("says no more than the server takes, in bytes, without half a character", () => {
    const { note } = at({ note: "ä".repeat(2000) });
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
    expect(note).toMatch(/^ä+…$/);
  });
});
