// What holds for decoding any bytes whatever. Throws where it does not.
import assert from "node:assert/strict";
import { decodeNvs } from "../../../../builders/nvs/decode.ts";

export function checkDecoding(image: Uint8Array): void {
  const before = Buffer.from(image);
  const decoded = decodeNvs(image);
  assert.ok(before.equals(image), "decoding must not change the image");
  const pages = Math.ceil(image.length / 4096);
  assert.equal(decoded.pages.length, pages);
  for (const { written, erased, empty, illegal } of decoded.pages)
    assert.equal(written + erased + empty + illegal, 126);
  for (const { offset, page } of decoded.problems) {
    assert.ok(
      offset >= 0 && offset <= pages * 4096 && page >= 0 && page <= pages,
      "a problem lies outside of the image",
    );
  }
  const names = decoded.entries.map(({ namespace, key }) => `${namespace}\0${key}`);
  assert.equal(new Set(names).size, names.length, "a key is there twice");
  const bytes = decoded.entries.reduce(
    (sum, { value }) => sum + (value instanceof Uint8Array ? value.length : 0),
    0,
  );
  assert.ok(bytes <= pages * 4096, "more bytes of blobs than the image has");
}
