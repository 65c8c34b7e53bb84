import { describe, expect, it } from "vitest";
import type { OtadataEntry } from "../../../builders/partitions/index.ts";
import { bootOrder } from "../../../flash/virtual-esp32/boot-order.ts";

const entry = (sequence: number, state: OtadataEntry["state"] = "undefined"): OtadataEntry => ({
  sequence,
  state,
});

describe("the order in which applications are tried", () => {
  it("starts with the highest sequence of otadata", () => {
    expect(bootOrder([entry(1), entry(2)], { slots: 2, factory: false })).toEqual([1, 0]);
    expect(bootOrder([entry(3), entry(2)], { slots: 2, factory: false })).toEqual([0, 1]);
  });

  it("skips entries that were aborted or invalid, or are not there", () => {
    expect(bootOrder([entry(1), entry(2, "aborted")], { slots: 2, factory: false })).toEqual([0, 1]);
    expect(bootOrder([entry(5, "invalid"), entry(2)], { slots: 2, factory: false })).toEqual([1, 0]);
    expect(bootOrder([undefined, entry(2)], { slots: 2, factory: false })).toEqual([1, 0]);
  });

  it("goes down to the factory application, then up", () => {
    expect(bootOrder([entry(2)], { slots: 4, factory: true })).toEqual([1, 0, "factory", 2, 3]);
  });

  it("takes the factory application where otadata names none, or else slot 0", () => {
    expect(bootOrder([undefined, undefined], { slots: 2, factory: true })).toEqual(["factory", 0, 1]);
    expect(bootOrder([entry(1, "aborted")], { slots: 2, factory: false })).toEqual([0, 1]);
    expect(bootOrder([], { slots: 0, factory: true })).toEqual(["factory"]);
  });
});
