// `edgeflock nvs batch`: the images of many devices, as ESP-IDF's mfg_gen makes them.
import { createReadStream, statSync } from "node:fs";
import { basename, extname } from "node:path";
import { addAbortSignal, type Readable } from "node:stream";
import { Command } from "commander";
import type { KeyPolicy } from "../../../builders/nvs/batch/batch-keys.ts";
import type { LayoutItem } from "../../../builders/nvs/batch/layout.ts";
import type { Problem } from "../../../model/problem.ts";
import { ProblemsError } from "../../../model/problem.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { count, outdirOption, parseSize, versionOption } from "./arguments.ts";
import { readInput, readNamedFile, STANDARD, say } from "./files.ts";

interface BatchCommandOptions {
  version: string;
  outdir?: string;
  size?: string;
  prefix?: string;
  prefix_num?: string[];
  fileid?: string;
  keygen?: true;
  inputkey?: string;
  key_protect_hmac?: true;
  kp_hmac_keygen?: true;
  kp_hmac_inputkey?: string;
  overwrite?: true;
  check?: true;
}

export function batchCommand(): Command {
  return new Command("batch")
    .description("Make the images of many devices, one for each line of a CSV.")
    .usage(
      "[options] <config.csv> <values.csv> <prefix> <size>\n       edgeflock nvs batch [options] --size <size> <fleet.csv>",
    )
    .argument("[words...]", "mfg_gen's arguments; or one CSV whose columns are named NAMESPACE/KEY:ENCODING")
    .option("--size <bytes>", "size of the partition, with one CSV")
    .option("--prefix <name>", "beginning of the files' names, with one CSV (default: the CSV's name)")
    .option("--prefix_num <numbers...>", "START and LENGTH of a counter in the files' names")
    .option("--fileid <column>", "column that ends the files' names (default: 1, 2, 3, …)")
    .addOption(versionOption())
    .addOption(outdirOption())
    .option("--keygen", "encrypt, each image with keys of its own, in <outdir>/keys")
    .option("--inputkey <file>", "encrypt all images with the keys of this key partition")
    .option("--key_protect_hmac", "with --keygen: derive the keys from HMAC keys, which go into eFuses")
    .option("--kp_hmac_keygen", "make a new HMAC key for each device")
    .option("--kp_hmac_inputkey <file>", "take this HMAC key for all devices")
    .option("--overwrite", "replace images that are there and differ")
    .option("--check", "look for mistakes only, write nothing")
    .addHelpText(
      "after",
      `
Images go to <outdir>/bin/<prefix>-<id>.bin. Nothing but images and keys is written: no CSV with secrets stays
behind. Lines with mistakes are all reported; the others become images. A run that was interrupted goes on when it
is run again: an image that is there and the same stays, and so do keys.

Exit codes: 0 every line has its image; 1 some have not; 130 stopped by Ctrl-C.

Examples:
  edgeflock nvs batch --size 0x6000 --fileid serial fleet.csv
    serial,wifi/ssid:string,cal/gain:i16
    A1,hall-north,-12
  edgeflock nvs batch config.csv values.csv cam 0x6000 --fileid id --keygen --outdir out`,
    )
    .action(batch);
}

async function batch(words: string[], options: BatchCommandOptions): Promise<void> {
  // mfg_gen's option takes two numbers; commander's takes all that follows
  words.push(...(options.prefix_num?.splice(2) ?? []));
  const { config, values, prefix, size } = readWords(words, options);
  const keys = await keyPolicy(options);
  const layout = config === undefined ? undefined : await readConfig(config);
  const prefixNumber = readPrefixNumber(options.prefix_num);
  const { runBatch } = await import("../../../builders/nvs/batch/run-batch.ts");
  const { stderrProgress } = await import("../../../toolchain/progress.ts");
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  try {
    const result = await stderrProgress().step("Making images", ({ note }) =>
      runBatch({
        ...(layout && { layout }),
        ...(prefixNumber && { prefixNumber }),
        ...(options.fileid !== undefined && { fileId: options.fileid }),
        values: addAbortSignal(stop.signal, openValues(values)),
        valuesFile: values === STANDARD ? "standard input" : values,
        outdir: options.outdir ?? ".",
        prefix,
        size,
        version: options.version === "1" ? 1 : 2,
        keys,
        overwrite: options.overwrite === true,
        checkOnly: options.check === true,
        readFile: readNamedFile,
        signal: stop.signal,
        note,
      }),
    );
    const unchanged = result.unchanged > 0 ? `, ${result.unchanged} there already` : "";
    say(`${count(result.written, "image")} ${options.check ? "could be written" : "written"}${unchanged}`);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function readWords(words: readonly string[], options: BatchCommandOptions) {
  if (words.length === 4) {
    if (options.size !== undefined || options.prefix !== undefined) {
      throw new VisibleError("--size and --prefix stand beside one CSV; with two they are arguments");
    }
    return { config: words[0]!, values: words[1]!, prefix: words[2]!, size: parseSize(words[3]!) };
  }
  if (words.length !== 1) {
    throw new VisibleError(`${words.length} arguments were given`, {
      hint: "give CONFIG VALUES PREFIX SIZE, or one CSV and --size",
    });
  }
  const values = words[0]!;
  if (options.size === undefined)
    throw new VisibleError("the partition's size is missing", { hint: "add --size 0x6000" });
  const prefix = options.prefix ?? (values === STANDARD ? "device" : basename(values, extname(values)));
  return { config: undefined, values, prefix, size: parseSize(options.size) };
}

async function readConfig(path: string): Promise<LayoutItem[]> {
  const { readLayout } = await import("../../../builders/nvs/batch/layout.ts");
  const problems: Problem[] = [];
  const layout = readLayout({ file: path, content: await readInput(path) }, problems);
  if (problems.length > 0) throw new ProblemsError(problems);
  return layout;
}

function openValues(path: string): Readable {
  if (path === STANDARD) return process.stdin;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== false) {
    throw new VisibleError(`cannot read ${path}: there is no such file`);
  }
  return createReadStream(path);
}

function readPrefixNumber(numbers: string[] | undefined): { start: number; digits: number } | undefined {
  if (numbers === undefined) return undefined;
  const [start, digits] = numbers.map(Number);
  const whole = (value: number | undefined): value is number => Number.isSafeInteger(value) && value! >= 0;
  if (numbers.length !== 2 || !whole(start) || !whole(digits) || digits > 20) {
    throw new VisibleError("--prefix_num needs two whole numbers: where to start, and how many digits");
  }
  return { start, digits };
}

async function keyPolicy(options: BatchCommandOptions): Promise<KeyPolicy> {
  const { keygen, inputkey, key_protect_hmac, kp_hmac_keygen, kp_hmac_inputkey } = options;
  const { nvsKeysFromHmac, readKeyPartition } = await import("../../../builders/nvs/encrypt.ts");
  if (inputkey !== undefined) {
    if (keygen || key_protect_hmac)
      throw new VisibleError("--inputkey stands by itself: it has the keys already");
    return { kind: "given", keys: readKeyPartition(await readInput(inputkey)) };
  }
  if (!key_protect_hmac) {
    if (kp_hmac_keygen || kp_hmac_inputkey !== undefined)
      throw new VisibleError("the --kp_hmac options need --key_protect_hmac");
    return { kind: keygen ? "own" : "none" };
  }
  if (!keygen) throw new VisibleError("--key_protect_hmac needs --keygen");
  if (Boolean(kp_hmac_keygen) === (kp_hmac_inputkey !== undefined)) {
    throw new VisibleError("--key_protect_hmac needs one of --kp_hmac_keygen and --kp_hmac_inputkey");
  }
  if (kp_hmac_inputkey === undefined) return { kind: "own hmac" };
  const hmacKey = await readInput(kp_hmac_inputkey);
  nvsKeysFromHmac(hmacKey);
  return { kind: "given hmac", hmacKey };
}
