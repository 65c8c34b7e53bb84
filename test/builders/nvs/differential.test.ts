// Our generator against Espressif's, over generated inputs. `npm run fuzz -- nvs` does the same for far longer.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareWithEspressif, type Verdict } from "./support/compare-with-espressif.ts";
import { EspressifGenerator } from "./support/espressif-generator.ts";
import { nvsCase } from "./support/rows.ts";

const CASES = 2_000;

describe("the generator, beside esp-idf-nvs-partition-gen", () => {
  let oracle: EspressifGenerator;
  beforeAll(async () => {
    oracle = await EspressifGenerator.start();
  });
  afterAll(() => oracle?.stop());

  it(`agrees to the last byte on ${CASES} inputs, but for the differences that docs/nvs-differences.md lists`, async () => {
    const verdicts: Record<Verdict, number> = {
      "same image": 0,
      "both refuse": 0,
      "documented difference": 0,
    };
    await fc.assert(
      fc.asyncProperty(nvsCase, async (oneCase) => {
        verdicts[await compareWithEspressif(oneCase, oracle)]++;
      }),
      { numRuns: CASES },
    );
    // a comparison that compares nothing would prove nothing
    expect(verdicts["same image"]).toBeGreaterThan(CASES / 4);
    expect(verdicts["both refuse"]).toBeGreaterThan(CASES / 100);
    expect(verdicts["documented difference"]).toBeGreaterThan(CASES / 100);
  }, 240_000);
});
