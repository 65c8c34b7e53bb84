import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deriveBytes, deriveText, fingerprint } from "../../model/derivation.ts";

const ROOT = Buffer.alloc(32, 7).toString("base64");

/** RFC 5869, written out a second time. */
function hkdf(key: Buffer, info: string, length: number): Buffer {
  const prk = createHmac("sha256", Buffer.alloc(32)).update(key).digest();
  let previous = Buffer.alloc(0);
  const blocks: Buffer[] = [];
  for (let n = 1; blocks.length * 32 < length; n++) {
    previous = createHmac("sha256", prk)
      .update(previous)
      .update(info)
      .update(Buffer.from([n]))
      .digest();
    blocks.push(previous);
  }
  return Buffer.concat(blocks).subarray(0, length);
}

describe("secrets derived from the root key", () => {
  it("are HKDF-SHA256 of the root key, with purpose and length-prefixed names as info", () => {
    const info = "15:edgeflock.io/v113:mqtt-password2:gh7:cam-0011:1";
    expect(deriveBytes(ROOT, "mqtt-password", ["gh", "cam-001", "1"], 43)).toEqual(
      hkdf(Buffer.alloc(32, 7), info, 43),
    );
  });

  it("differ wherever purpose or any name differs, however the names are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { maxLength: 4 }),
        fc.array(fc.string(), { maxLength: 4 }),
        (a, b) => {
          const same = JSON.stringify(a) === JSON.stringify(b);
          expect(deriveBytes(ROOT, "nvs-keys", a, 16).equals(deriveBytes(ROOT, "nvs-keys", b, 16))).toBe(
            same,
          );
        },
      ),
    );
    expect(deriveBytes(ROOT, "nvs-keys", ["a"], 16)).not.toEqual(deriveBytes(ROOT, "fingerprint", ["a"], 16));
  });

  it("make text of the wanted length from letters and digits alone, each about as often", () => {
    const counts = new Map<string, number>();
    for (let n = 0; n < 500; n++) {
      const text = deriveText(ROOT, "random-secret", [String(n)], 62);
      expect(text).toMatch(/^[A-Za-z0-9]{62}$/);
      for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    // 500 expected of each; the root key is fixed, so this can't flicker
    expect(counts.size).toBe(62);
    for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(110);
  });
});

describe("a fingerprint", () => {
  it("changes with the value, the place and the root key, and is short", () => {
    const one = fingerprint(ROOT, ["gh", "cam-001", "wifi.password"], "hunter2");
    expect(one).toMatch(/^[0-9a-f]{12}$/);
    expect(fingerprint(ROOT, ["gh", "cam-001", "wifi.password"], "hunter3")).not.toBe(one);
    expect(fingerprint(ROOT, ["gh", "cam-002", "wifi.password"], "hunter2")).not.toBe(one);
    expect(
      fingerprint(Buffer.alloc(32, 8).toString("base64"), ["gh", "cam-001", "wifi.password"], "hunter2"),
    ).not.toBe(one);
  });
});
