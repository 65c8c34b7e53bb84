import { createCipheriv, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  decryptNvs,
  encryptNvs,
  generateHmacKey,
  generateNvsKeys,
  KEY_PARTITION_SIZE,
  nvsKeysFromHmac,
  readKeyPartition,
  writeKeyPartition,
} from "../../../builders/nvs/encrypt.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";

const PLAIN = generateNvs(
  [
    { namespace: "wifi", key: "password", type: "string", value: "correct horse battery staple" },
    { namespace: "wifi", key: "blank", type: "blob", value: new Uint8Array(5000).fill(0xff) },
  ],
  { size: 0x6000 },
);
const KEYS = { encryption: Buffer.alloc(32, 0x11), tweak: Buffer.alloc(32, 0x22) };

describe("encryption", () => {
  it("is XTS-AES-256 of each written entry, whose sector number is its offset", () => {
    const encrypted = encryptNvs(PLAIN, KEYS);
    const expected = Buffer.from(PLAIN);
    for (let page = 0; page < 0x6000; page += 0x1000) {
      for (let entry = 0; entry < 126; entry++) {
        if (((PLAIN[page + 32 + (entry >> 2)]! >> ((entry & 3) * 2)) & 3) !== 0b10) continue;
        const at = page + 64 + entry * 32;
        const tweak = Buffer.alloc(16);
        tweak.writeUInt32LE(at);
        // OpenSSL's own XTS, one sector at a time
        const cipher = createCipheriv("aes-256-xts", Buffer.concat([KEYS.encryption, KEYS.tweak]), tweak);
        cipher.update(PLAIN.subarray(at, at + 32)).copy(expected, at);
      }
    }
    expect(Buffer.compare(expected, encrypted)).toBe(0);
    expect(Buffer.compare(encrypted, PLAIN)).not.toBe(0);
  });

  it("leaves headers, maps and unwritten entries as they are", () => {
    const encrypted = encryptNvs(PLAIN, KEYS);
    for (let page = 0; page < 0x6000; page += 0x1000) {
      expect(encrypted.subarray(page, page + 64)).toEqual(PLAIN.subarray(page, page + 64));
    }
    expect(encrypted.subarray(0x3000)).toEqual(PLAIN.subarray(0x3000));
  });

  it("is undone by decryption, entries of FF included", () => {
    expect(decryptNvs(encryptNvs(PLAIN, KEYS), KEYS)).toEqual(PLAIN);
  });

  it("leaves the given image alone, also one in a Buffer that is part of another", () => {
    const outer = Buffer.concat([Buffer.alloc(5), PLAIN, Buffer.alloc(7)]);
    const before = Buffer.from(outer);
    expect(
      Buffer.compare(encryptNvs(outer.subarray(5, 5 + PLAIN.length), KEYS), encryptNvs(PLAIN, KEYS)),
    ).toBe(0);
    expect(outer.equals(before)).toBe(true);
  });

  it("refuses what is no image and what are no keys", () => {
    expect(() => encryptNvs(new Uint8Array(100), KEYS)).toThrow(/no whole number of 4096-byte pages/);
    expect(() => encryptNvs(PLAIN, { encryption: KEYS.tweak, tweak: KEYS.tweak })).toThrow(/the same/);
    expect(() => encryptNvs(PLAIN, { encryption: Buffer.alloc(16), tweak: KEYS.tweak })).toThrow(/32 bytes/);
  });
});

describe("keys", () => {
  it("are new each time", () => {
    const all = new Set(
      Array.from({ length: 50 }, () => Buffer.from(generateNvsKeys().encryption).toString("hex")),
    );
    expect(all.size).toBe(50);
    expect(generateHmacKey()).toHaveLength(32);
  });

  it("make a key partition that reads back", () => {
    const keys = generateNvsKeys();
    const partition = writeKeyPartition(keys);
    expect(partition).toHaveLength(KEY_PARTITION_SIZE);
    expect(partition.subarray(68).every((byte) => byte === 0xff)).toBe(true);
    const read = readKeyPartition(partition);
    expect(Buffer.compare(read.encryption, keys.encryption)).toBe(0);
    expect(Buffer.compare(read.tweak, keys.tweak)).toBe(0);
    expect(Buffer.compare(readKeyPartition(partition.subarray(0, 64)).tweak, keys.tweak)).toBe(0);
  });

  it("that are damaged, empty or cut short are refused", () => {
    const partition = writeKeyPartition(KEYS);
    partition[3]! ^= 1;
    expect(() => readKeyPartition(partition)).toThrow(/damaged/);
    expect(() => readKeyPartition(new Uint8Array(4096).fill(0xff))).toThrow(/no keys were ever written/);
    expect(() => readKeyPartition(new Uint8Array(63))).toThrow(/63 bytes/);
    expect(() => readKeyPartition(new Uint8Array(66))).toThrow(/within its CRC/);
  });

  it("come out of an HMAC key by the two seeds of the scheme", () => {
    const key = Buffer.alloc(32, 7);
    const seeded = (seed: number[]) =>
      createHmac("sha256", key)
        .update(Buffer.concat(Array(8).fill(Buffer.from(seed))))
        .digest();
    const { encryption, tweak } = nvsKeysFromHmac(key);
    expect(Buffer.compare(encryption, seeded([0x5a, 0x5a, 0xbe, 0xae]))).toBe(0);
    expect(Buffer.compare(tweak, seeded([0xa5, 0xa5, 0xde, 0xce]))).toBe(0);
    expect(() => nvsKeysFromHmac(Buffer.alloc(31))).toThrow(/exactly 32/);
  });
});
