// `edgeflock nvs decode`: what is in an image, and what is wrong with it.
import { Command } from "commander";
import { VisibleError } from "../../../model/visible-error.ts";
import { type KeySources, readKeys } from "./arguments.ts";
import { readInput, say } from "./files.ts";

interface DecodeOptions extends KeySources {
  json?: true;
  csv?: true;
  pages?: true;
  showValues?: true;
}

const DAMAGED = 2;

export function decodeCommand(): Command {
  return new Command("decode")
    .description("Show what is in an image, and what is wrong with it.")
    .argument("<image>", 'image, or "-"')
    .option("--key <file>", "key partition of an encrypted image")
    .option("--hmac-key <file>", "HMAC key of an encrypted image, 32 bytes")
    .option("--pages", "show the state of every page")
    .option("--json", "print everything as JSON")
    .option("--csv", "print the settings in Espressif's CSV, which generate takes (with --show-values)")
    .option(
      "--show-values",
      "show the values; without it they are hidden, for an image does not tell which are secret",
    )
    .addHelpText(
      "after",
      `
Exit codes: 0 the image is sound; 1 it cannot be read; 2 it is damaged (what is wrong is on standard error).

Examples:
  edgeflock nvs decode config.bin --pages
  kubectl get secret cam-001-device -o jsonpath='{.data.config\\.bin}' | base64 -d | edgeflock nvs decode -`,
    )
    .action(decode);
}

async function decode(image: string, options: DecodeOptions): Promise<void> {
  if (options.csv && !options.showValues) {
    throw new VisibleError("a CSV holds all values", { hint: "add --show-values if they may be shown" });
  }
  const decoded = await readImage(image, options);
  const { entriesTable, jsonReport, pagesTable, problemLine } = await import("./render.ts");
  const show = options.showValues === true;
  if (options.json) process.stdout.write(`${JSON.stringify(jsonReport(decoded, show), undefined, 2)}\n`);
  else if (options.csv) {
    const { entriesToCsv } = await import("../../../builders/nvs/csv.ts");
    process.stdout.write(entriesToCsv(decoded.entries));
  } else {
    if (options.pages) process.stdout.write(`${pagesTable(decoded.pages)}\n`);
    process.stdout.write(entriesTable(decoded.entries, show));
  }
  for (const problem of decoded.problems) say(problemLine(problem));
  if (decoded.looksEncrypted)
    say("→ the image is probably encrypted: give its keys with --key or --hmac-key");
  if (decoded.problems.length > 0) process.exitCode = DAMAGED;
}

/** Reads, decrypts if there are keys, and decodes. */
export async function readImage(path: string, keySources: KeySources) {
  const { decodeNvs } = await import("../../../builders/nvs/decode.ts");
  const bytes = await readInput(path);
  if (bytes.length === 0) throw new VisibleError(`${path} is empty`);
  const keys = await readKeys(keySources);
  if (!keys) return decodeNvs(bytes);
  const { decryptNvs } = await import("../../../builders/nvs/encrypt.ts");
  return decodeNvs(decryptNvs(bytes, keys));
}
