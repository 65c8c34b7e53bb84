// `edgeflock nvs diff`: which keys differ between two images.
import { Command } from "commander";
import { VisibleError } from "../../../model/visible-error.ts";
import { readImage } from "./decode.ts";
import { STANDARD, say } from "./files.ts";

interface DiffOptions {
  key?: string;
  hmacKey?: string;
  otherKey?: string;
  otherHmacKey?: string;
  json?: true;
  showValues?: true;
}

const DIFFERENT = 1;
const TROUBLE = 2;

export function diffCommand(): Command {
  return new Command("diff")
    .description("Name the keys that differ between two images.")
    .argument("<before>", 'image, or "-"')
    .argument("<after>", 'image, or "-"')
    .option("--key <file>", "key partition of both images, or of the first")
    .option("--hmac-key <file>", "HMAC key of both images, or of the first")
    .option("--other-key <file>", "key partition of the second image")
    .option("--other-hmac-key <file>", "HMAC key of the second image")
    .option("--json", "print the differences as JSON")
    .option("--show-values", "show the values; without it only keys and types are shown")
    .addHelpText(
      "after",
      `
"+" a key that is new, "-" one that is gone, "~" one whose value or type changed. Where a value lies in the image
does not count.

Exit codes: 0 the same; 1 different; 2 an image could not be read whole.

Example:
  edgeflock nvs diff before.bin after.bin`,
    )
    .action(async (before: string, after: string, options: DiffOptions) => {
      try {
        await diff(before, after, options);
      } catch (error) {
        if (!(error instanceof VisibleError)) throw error;
        const { hint, message: text } = error;
        throw new VisibleError(text, {
          ...(hint !== undefined && { hint }),
          exitCode: TROUBLE,
          cause: error,
        });
      }
    });
}

async function diff(before: string, after: string, options: DiffOptions): Promise<void> {
  if (before === STANDARD && after === STANDARD)
    throw new VisibleError("standard input can be read once only");
  const { key, hmacKey, otherKey, otherHmacKey } = options;
  const first = { ...(key !== undefined && { key }), ...(hmacKey !== undefined && { hmacKey }) };
  const second = {
    ...(otherKey !== undefined && { key: otherKey }),
    ...(otherHmacKey !== undefined && { hmacKey: otherHmacKey }),
  };
  const old = await readImage(before, first);
  const fresh = await readImage(after, Object.keys(second).length > 0 ? second : first);
  const { diffNvs } = await import("../../../builders/nvs/diff.ts");
  const { differenceLine, jsonDifference, problemLine } = await import("./render.ts");
  const differences = diffNvs(old, fresh);
  const show = options.showValues === true;
  if (options.json) {
    const list = differences.map((difference) => jsonDifference(difference, show));
    process.stdout.write(`${JSON.stringify(list, undefined, 2)}\n`);
  } else for (const difference of differences) process.stdout.write(`${differenceLine(difference, show)}\n`);

  if (differences.length > 0) process.exitCode = DIFFERENT;
  for (const [path, image] of [
    [before, old],
    [after, fresh],
  ] as const) {
    for (const problem of image.problems) say(`${path}: ${problemLine(problem)}`);
    if (image.looksEncrypted) say(`→ ${path} is probably encrypted: give its keys with --key or --other-key`);
    if (image.problems.length > 0) process.exitCode = TROUBLE;
  }
}
