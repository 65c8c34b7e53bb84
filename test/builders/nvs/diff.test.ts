import { describe, expect, it } from "vitest";
import { decodeNvs } from "../../../builders/nvs/decode.ts";
import { diffNvs } from "../../../builders/nvs/diff.ts";
import { generateNvs, type NvsEntry } from "../../../builders/nvs/generate.ts";

function decoded(entries: NvsEntry[], version: 1 | 2 = 2) {
  return decodeNvs(generateNvs(entries, { size: 0x3000, version }));
}

const ENTRIES: NvsEntry[] = [
  { namespace: "b", key: "same", type: "u64", value: 3n },
  { namespace: "b", key: "value", type: "string", value: "one" },
  { namespace: "a", key: "type", type: "u8", value: 1 },
  { namespace: "a", key: "gone", type: "blob", value: new Uint8Array([1]) },
];

describe("the difference of two images", () => {
  it("names what is new, gone and changed, sorted, and nothing else", () => {
    const after: NvsEntry[] = [
      { namespace: "a", key: "type", type: "u16", value: 1 },
      { namespace: "a", key: "new", type: "u8", value: 1 },
      { namespace: "b", key: "value", type: "string", value: "two" },
      { namespace: "b", key: "same", type: "u64", value: 3 },
    ];
    const found = diffNvs(decoded(ENTRIES), decoded(after));
    expect(found.map(({ change, namespace, key }) => `${change} ${namespace}/${key}`)).toEqual([
      "removed a/gone",
      "added a/new",
      "changed a/type",
      "changed b/value",
    ]);
    expect(found[3]).toMatchObject({ before: { value: "one" }, after: { value: "two" } });
  });

  it("is empty where only places and format versions differ", () => {
    expect(diffNvs(decoded(ENTRIES), decoded([...ENTRIES].reverse(), 1))).toEqual([]);
  });
});
