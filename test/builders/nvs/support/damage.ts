// Generated damage: what decoding has to survive. Bit flips, truncation, shuffled and random pages, random bytes.
import fc from "fast-check";
import { encryptNvs, generateNvsKeys } from "../../../../builders/nvs/encrypt.ts";
import { generateNvs, type NvsEntry } from "../../../../builders/nvs/generate.ts";

/** Entries that are always valid, their keys unique, small enough for 0x8000 bytes. */
export const validEntries: fc.Arbitrary<NvsEntry[]> = fc.uniqueArray(
  fc
    .record({ namespace: nameOf("n", 5), key: nameOf("k", 999) })
    .chain(({ namespace, key }) => typedValue().map((value) => ({ namespace, key, ...value }))),
  { maxLength: 30, selector: ({ namespace, key }) => `${namespace}\0${key}`, size: "max" },
);

function nameOf(letter: string, most: number): fc.Arbitrary<string> {
  return fc.integer({ min: 0, max: most }).map((n) => letter + n);
}

function typedValue(): fc.Arbitrary<Pick<NvsEntry, "type" | "value">> {
  const integer = (bits: number, signed: boolean) =>
    fc
      .bigInt(signed ? -(2n ** BigInt(bits - 1)) : 0n, 2n ** BigInt(signed ? bits - 1 : bits) - 1n)
      .map((value) => ({
        type: `${signed ? "i" : "u"}${bits}` as NvsEntry["type"],
        value: bits === 64 ? value : Number(value),
      }));
  return fc.oneof(
    ...[8, 16, 32, 64].flatMap((bits) => [integer(bits, false), integer(bits, true)]),
    fc
      .string({ maxLength: 300, unit: "grapheme" })
      .filter(isWritable)
      .map((value) => ({ type: "string" as const, value })),
    fc.uint8Array({ maxLength: 900, size: "max" }).map((value) => ({ type: "blob" as const, value })),
    fc
      .integer({ min: 0, max: 6000 })
      .map((n) => ({ type: "blob" as const, value: new Uint8Array(n).fill(n) })),
  );
}

function isWritable(value: string): boolean {
  return value.isWellFormed() && !value.includes("\0");
}

const LARGEST = 0x40000;

const soundImage = fc
  .record({
    entries: validEntries,
    version: fc.constantFrom(1 as const, 2 as const),
    encrypted: fc.boolean(),
  })
  .map(({ entries, version, encrypted }) => {
    const fitting =
      version === 1
        ? entries.filter(({ value }) => !(value instanceof Uint8Array) || value.length <= 1984)
        : entries;
    const image = generateNvs(fitting, { size: LARGEST, version }).subarray(0, 0x8000);
    return encrypted ? encryptNvs(image, generateNvsKeys()) : image;
  });

type Damage = (image: Uint8Array) => Uint8Array;

const flips: fc.Arbitrary<Damage> = fc
  .array(fc.tuple(fc.nat(0x7fff), fc.nat(7)), { minLength: 1, maxLength: 40 })
  .map((places) => (image) => {
    const copy = new Uint8Array(image);
    for (const [at, bit] of places) if (at < copy.length) copy[at]! ^= 1 << bit;
    return copy;
  });
const overwrites: fc.Arbitrary<Damage> = fc
  .tuple(fc.nat(0x7fff), fc.uint8Array({ minLength: 1, maxLength: 200 }))
  .map(([at, bytes]) => (image) => {
    const copy = new Uint8Array(image);
    copy.set(bytes.subarray(0, Math.max(0, copy.length - at)), Math.min(at, copy.length));
    return copy;
  });
const cuts: fc.Arbitrary<Damage> = fc.nat(0x8000).map((length) => (image) => image.subarray(0, length));
const pageMoves: fc.Arbitrary<Damage> = fc.tuple(fc.nat(7), fc.nat(7)).map(([from, to]) => (image) => {
  const copy = new Uint8Array(image);
  if (copy.length === 0x8000) copy.copyWithin(to * 0x1000, from * 0x1000, (from + 1) * 0x1000);
  return copy;
});

/** An image after some of these, or nothing like an image. */
export const damagedImage: fc.Arbitrary<Uint8Array> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(soundImage, fc.array(fc.oneof(flips, overwrites, cuts, pageMoves), { maxLength: 4 }))
      .map(([image, list]) => list.reduce((result, damage) => damage(result), image)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9000, size: "max" }) },
);
