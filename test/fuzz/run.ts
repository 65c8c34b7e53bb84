// `npm run fuzz -- TARGET [--runs N] [--seed S]`: a property test with far more runs than `npm test` has time for.
// A target is a module in this folder that exports `fuzz(options)`. What fails is printed, shrunk, with its seed.
import { parseArgs } from "node:util";
import { stderrProgress } from "../../toolchain/progress.ts";

export interface FuzzOptions {
  runs: number;
  seed: number;
  /** Called now and then with what has been done. */
  note: (text: string) => void;
}

/** A line for people: what was run and what came of it. */
export type Fuzz = (options: FuzzOptions) => Promise<string>;

const TARGETS: Record<string, { runs: number; load: () => Promise<{ fuzz: Fuzz }> }> = {
  nvs: { runs: 100_000, load: () => import("./nvs.ts") },
  "nvs-decode": { runs: 100_000, load: () => import("./nvs-decode.ts") },
};

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: "string" }, seed: { type: "string" } },
  });
  const target = TARGETS[positionals[0] ?? ""];
  if (!target || positionals.length !== 1) {
    console.error(
      `usage: npm run fuzz -- TARGET [--runs N] [--seed S]\ntargets: ${Object.keys(TARGETS).join(", ")}`,
    );
    process.exitCode = 2;
    return;
  }
  const runs = Number(values.runs ?? target.runs);
  const seed = Number(values.seed ?? Date.now() | 0);
  const { fuzz } = await target.load();
  const result = await stderrProgress().step(`Fuzzing ${positionals[0]}, seed ${seed}`, ({ note }) =>
    fuzz({ runs, seed, note }),
  );
  console.log(`${result}\nseed ${seed}, ${runs} runs, no failure`);
}

main().catch((error) => {
  console.error(error instanceof Error ? `${error.message}\n${error.cause ?? ""}` : error);
  process.exitCode = 1;
});
