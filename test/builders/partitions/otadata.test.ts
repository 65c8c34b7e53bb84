import { describe, expect, it } from "vitest";
import { bootSlot, otadata, readOtadata } from "../../../builders/partitions/index.ts";

describe("otadata", () => {
  it("for slot 0 begins as Arduino's boot_app0.bin does, and says the same", () => {
    const bytes = Buffer.from(otadata(0));
    expect(bytes).toHaveLength(0x2000);
    expect(bytes.toString("hex", 0, 32)).toBe(`01000000${"ff".repeat(20)}ffffffff9a984347`);
    expect(bytes.subarray(32).every((byte) => byte === 0xff)).toBe(true);
    // boot_app0.bin has a sequence of 0 in its second sector, which is none either
    bytes.writeUInt32LE(0, 0x1000);
    expect(readOtadata(bytes)).toEqual(readOtadata(otadata(0)));
    expect(bootSlot(bytes, 2)).toBe(0);
  });

  it("makes the bootloader take the slot, whatever number of slots there are", () => {
    for (let slot = 0; slot < 16; slot++) {
      for (let slots = slot + 1; slots <= 16; slots++) expect(bootSlot(otadata(slot), slots)).toBe(slot);
    }
  });

  it("holds a state for the rollback", () => {
    expect(readOtadata(otadata(1, "new"))).toEqual([{ sequence: 2, state: "new" }, undefined]);
  });

  it("is read from whichever sector has the higher sequence and is sound", () => {
    const bytes = otadata(0);
    bytes.set(otadata(1).subarray(0, 32), 0x1000);
    expect(bootSlot(bytes, 2)).toBe(1);
    bytes[0x1000 + 28]! ^= 1;
    expect(bootSlot(bytes, 2)).toBe(0);
    bytes.set(otadata(1, "aborted").subarray(0, 32), 0x1000);
    expect(bootSlot(bytes, 2)).toBe(0);
    expect(bootSlot(new Uint8Array(0x2000).fill(0xff), 2)).toBeUndefined();
  });

  it.each([-1, 16, 1.5, Number.NaN])("has no slot %d", (slot) => {
    expect(() => otadata(slot)).toThrow(/no OTA slot/);
  });

  it("too short is refused", () => {
    expect(() => readOtadata(new Uint8Array(0x1000))).toThrow(/4096 bytes, not 8192/);
  });
});
