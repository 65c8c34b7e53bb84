// One case through both generators, and the judgement. Throws where they disagree without a documented reason.
import assert from "node:assert/strict";
import { generateNvsFromCsv } from "../../../../builders/nvs/csv.ts";
import { decodeNvs } from "../../../../builders/nvs/decode.ts";
import { sameValue } from "../../../../builders/nvs/diff.ts";
import { decryptNvs, encryptNvs, readKeyPartition } from "../../../../builders/nvs/encrypt.ts";
import { VisibleError } from "../../../../model/visible-error.ts";
import type { EspressifGenerator, OracleAnswer } from "./espressif-generator.ts";
import { knownDifferences, meaning } from "./known-differences.ts";
import { type NvsCase, toCsv } from "./rows.ts";

export type Verdict = "same image" | "both refuse" | "documented difference";

export async function compareWithEspressif(oneCase: NvsCase, oracle: EspressifGenerator): Promise<Verdict> {
  const theirs = await oracle.generate({
    size: oneCase.size,
    version: oneCase.version,
    ...(oneCase.key !== undefined && { key: oneCase.key }),
    ...(oneCase.asCsv
      ? { csv: toCsv(oneCase.rows) }
      : { rows: oneCase.rows.map(({ key, type, encoding, value }) => [key, type, encoding, value]) }),
  });
  return judge(oneCase, theirs, generateOurs(oneCase));
}

function generateOurs({ rows, size, version, key }: NvsCase): Uint8Array | string {
  try {
    const options = { size, version, readFile: () => new Uint8Array() };
    const image = generateNvsFromCsv([{ file: "case.csv", content: toCsv(rows) }], options);
    return key === undefined ? image : encryptNvs(image, readKeyPartition(Buffer.from(key, "hex")));
  } catch (error) {
    if (error instanceof VisibleError) return error.message;
    throw error;
  }
}

function judge(oneCase: NvsCase, theirs: OracleAnswer, ours: Uint8Array | string): Verdict {
  const { refused, other } = knownDifferences(oneCase);
  if (refused.length > 0) {
    assert.equal(typeof ours, "string", `ours has to refuse: ${refused.join(", ")}`);
    return "documented difference";
  }
  if (typeof ours !== "string") assertReadsBack(oneCase, ours);
  if (other.length > 0) return "documented difference";
  if (typeof ours === "string") {
    assert.ok("error" in theirs, `ours refuses what theirs takes: ${ours}`);
    return "both refuse";
  }
  assert.ok("image" in theirs, `theirs refuses what ours takes: ${JSON.stringify(theirs)}`);
  // theirs leaves out the empty pages of a read-only partition, which would leave old ones in flash
  const whole = Buffer.alloc(ours.length, 0xff);
  theirs.image.copy(whole);
  assert.ok(theirs.image.length === ours.length || oneCase.size < 0x3000, "the lengths differ");
  assert.ok(whole.equals(ours), `the images differ first at ${firstDifference(whole, ours)}`);
  return "same image";
}

function firstDifference(a: Uint8Array, b: Uint8Array): string {
  return `0x${a.findIndex((byte, at) => byte !== b[at]).toString(16)}`;
}

/** Whatever ours makes has to read as the rows say. */
function assertReadsBack({ rows, key }: NvsCase, image: Uint8Array): void {
  const plain = key === undefined ? image : decryptNvs(image, readKeyPartition(Buffer.from(key, "hex")));
  const decoded = decodeNvs(plain);
  assert.deepEqual(decoded.problems, []);
  const expected = meaning(rows);
  assert.ok(expected, "ours takes a value without a meaning");
  assert.equal(decoded.entries.length, expected.length);
  for (const [at, entry] of expected.entries()) {
    const found = decoded.entries[at]!;
    assert.deepEqual([found.namespace, found.key], [entry.namespace, entry.key]);
    assert.ok(sameValue(found, entry), `${entry.namespace}/${entry.key} reads as something else`);
  }
}
