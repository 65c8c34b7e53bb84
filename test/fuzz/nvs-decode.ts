// Decoding of damaged images and of arbitrary bytes: it never throws, never hangs, never leaves the image.
import fc from "fast-check";
import { checkDecoding } from "../builders/nvs/support/check-decoding.ts";
import { damagedImage } from "../builders/nvs/support/damage.ts";
import type { Fuzz } from "./run.ts";

export const fuzz: Fuzz = async ({ runs, seed, note }) => {
  let done = 0;
  let slowest = 0;
  await fc.assert(
    fc.asyncProperty(damagedImage, async (image) => {
      const start = performance.now();
      checkDecoding(image);
      slowest = Math.max(slowest, performance.now() - start);
      if (++done % 1000 === 0) note(`${done} images`);
    }),
    { numRuns: runs, seed },
  );
  return `${done} damaged images decoded, the slowest in ${slowest.toFixed(1)} ms`;
};
