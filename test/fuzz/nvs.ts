// Our NVS generator against Espressif's, and what it makes read back. The cases are those of the differential test.
import fc from "fast-check";
import { compareWithEspressif, type Verdict } from "../builders/nvs/support/compare-with-espressif.ts";
import { EspressifGenerator } from "../builders/nvs/support/espressif-generator.ts";
import { nvsCase } from "../builders/nvs/support/rows.ts";
import type { Fuzz } from "./run.ts";

export const fuzz: Fuzz = async ({ runs, seed, note }) => {
  const oracle = await EspressifGenerator.start();
  const verdicts: Record<Verdict, number> = { "same image": 0, "both refuse": 0, "documented difference": 0 };
  const summary = () =>
    Object.entries(verdicts)
      .map(([verdict, count]) => `${count} ${verdict}`)
      .join(", ");
  let done = 0;
  try {
    await fc.assert(
      fc.asyncProperty(nvsCase, async (oneCase) => {
        verdicts[await compareWithEspressif(oneCase, oracle)]++;
        if (++done % 500 === 0) note(summary());
      }),
      { numRuns: runs, seed, ignoreEqualValues: false },
    );
  } finally {
    await oracle.stop();
  }
  return summary();
};
