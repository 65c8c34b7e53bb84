import { describe, expect, it } from "vitest";
import { buildAppImage } from "../../../builders/app-image.ts";
import { otadata, writePartitionTable } from "../../../builders/partitions/index.ts";
import { type BootPlan, planBoot } from "../../../flash/virtual-esp32/boot.ts";
import { applicationOf, FlashInMemory, imagesOf, noise, PARTITIONS } from "./support.ts";

function planOf(images: [number, Uint8Array][], chip: "esp32" | "esp32c3" = "esp32"): BootPlan {
  const flash = new FlashInMemory();
  for (const [offset, bytes] of images) flash.program(offset, bytes);
  return planBoot(flash, chip);
}

const table = writePartitionTable(PARTITIONS);
const good = applicationOf("exit 0", { version: "1" });

function damaged(bytes: Uint8Array, offset: number, value = 0x5a): Uint8Array {
  const copy = bytes.slice();
  copy[offset]! ^= value;
  return copy;
}

/** An application of a vendor: code for the chip, with a descriptor. */
function foreign(chip = "esp32"): Uint8Array {
  return buildAppImage({
    chip,
    segments: [{ address: 0x400d0020, data: noise(64) }],
    descriptor: {
      secureVersion: 0,
      version: "2.0",
      projectName: "blink",
      time: "",
      date: "",
      idfVersion: "v5.4",
      executableSha256: new Uint8Array(32),
    },
  });
}

describe("what a board boots", () => {
  it("is the very executable inside the application image", () => {
    const { outcome } = planOf(imagesOf("echo hi"));
    expect(outcome.kind).toBe("run");
    if (outcome.kind !== "run") return;
    expect(new TextDecoder().decode(outcome.executable)).toBe("#!/bin/sh\necho hi\n");
    expect(outcome.partition).toBe("ota_0");
  });

  it("is the slot that otadata names, or the other one if that has no good image", () => {
    const slots = (zero: Uint8Array, one: Uint8Array) =>
      planOf([
        [0x8000, table],
        [0xe000, otadata(1)],
        [0x10000, zero],
        [0x90000, one],
      ]);
    const named = slots(good, applicationOf("exit 1", { version: "2" }));
    expect(named.outcome).toMatchObject({ kind: "run", partition: "ota_1" });
    const fallback = slots(good, damaged(good, 100));
    expect(fallback.outcome).toMatchObject({ kind: "run", partition: "ota_0" });
    expect(fallback.log.join("\n")).toMatch(/image in partition "ota_1" checksum is 0x/);
  });

  it("is nothing on an empty flash, nor with a table that is damaged or overlaps", () => {
    expect(planOf([]).outcome).toMatchObject({
      kind: "nothing",
      why: expect.stringContaining("never written"),
    });
    expect(planOf([[0x8000, damaged(table, 4)]]).outcome).toMatchObject({
      why: expect.stringContaining("MD5"),
    });
    const overlapping = PARTITIONS.map((each) =>
      each.name === "ota_1" ? { ...each, offset: 0x80000 } : each,
    );
    expect(planOf([[0x8000, writePartitionTable(overlapping)]]).outcome).toMatchObject({
      kind: "nothing",
      why: expect.stringMatching(/"ota_0".*"ota_1"|"ota_1".*"ota_0"/),
    });
  });

  it("is nothing when the partitions reach beyond the flash", () => {
    const large = PARTITIONS.map((each) => (each.name === "ota_1" ? { ...each, size: 0x100000 } : each));
    expect(planOf([[0x8000, writePartitionTable(large)]]).outcome).toMatchObject({ kind: "nothing" });
  });

  it.each([
    ["the magic byte", 0, /starts with/],
    ["the chip id", 12, /unknown chip id|is for/],
    ["a segment's length", 28, /claims|multiple of 4|checksum/],
    ["the payload", 300, /checksum/],
    ["the checksum's place", good.length - 33, /checksum/],
    ["the hash", good.length - 1, /SHA-256/],
  ])("is nothing when %s of the only image is damaged", (_, offset, message) => {
    const { log, outcome } = planOf([
      [0x8000, table],
      [0x10000, damaged(good, offset)],
    ]);
    expect(outcome).toEqual({ kind: "nothing", why: "no bootable application in any partition" });
    expect(log.join("\n")).toMatch(message);
  });

  it("is nothing when the image is for another chip", () => {
    expect(planOf(imagesOf("exit 0", { chip: "esp32c3" }), "esp32").log.join("\n")).toContain(
      "is for esp32c3, not for esp32",
    );
    expect(planOf(imagesOf("exit 0", { chip: "esp32c3" }), "esp32c3").outcome.kind).toBe("run");
  });

  it("is named, but not run, when it is code for the chip", () => {
    const { outcome } = planOf([
      [0x8000, table],
      [0x10000, foreign()],
    ]);
    expect(outcome).toMatchObject({
      kind: "foreign",
      why: 'the application "blink" is code for esp32, not for this host',
    });
  });

  it("needs a good second-stage bootloader where there is one in flash", () => {
    const images = imagesOf("exit 0");
    expect(planOf([...images, [0x1000, foreign()]]).log[0]).toContain(
      "second-stage bootloader at 0x1000 is good",
    );
    expect(planOf([...images, [0x1000, foreign("esp32c3")]]).outcome).toMatchObject({
      kind: "nothing",
      why: expect.stringContaining("the bootloader at 0x1000 is for esp32c3, not for esp32"),
    });
    expect(planOf([...images, [0x1000, damaged(foreign(), 60)]]).outcome.kind).toBe("nothing");
  });
});
