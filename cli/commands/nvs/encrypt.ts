// `edgeflock nvs encrypt`: CSV to an encrypted image.
import { Command } from "commander";
import { VisibleError } from "../../../model/visible-error.ts";
import { outdirOption, splitInputs, versionOption } from "./arguments.ts";
import { outputPath, readInput, say, writeOutput } from "./files.ts";
import { imageFromCsv } from "./generate.ts";
import { type KeyFileOptions, keyFileOptions, makeKeyFiles } from "./key-files.ts";

interface EncryptOptions extends KeyFileOptions {
  version: string;
  keygen?: true;
  inputkey?: string;
}

export function encryptCommand(): Command {
  const command = new Command("encrypt")
    .description("Make an encrypted image from CSV files.")
    .usage("[options] (--keygen | --inputkey <file>) <in.csv...> <out.bin> <size>")
    .argument("<files...>", "CSV files, the image to write, and the partition's size in bytes")
    .addOption(versionOption())
    .option("--keygen", "make new keys, and write their key partition")
    .option("--inputkey <file>", "take the keys of this key partition");
  for (const option of keyFileOptions()) command.addOption(option);
  return command
    .addOption(outdirOption())
    .addHelpText(
      "after",
      `
Examples:
  edgeflock nvs encrypt settings.csv config.bin 0x6000 --keygen --keyfile cam-001.bin
  edgeflock nvs encrypt settings.csv config.bin 0x6000 --inputkey keys/cam-001.bin`,
    )
    .action(encrypt);
}

async function encrypt(words: string[], options: EncryptOptions): Promise<void> {
  const { inputs, output, size } = splitInputs(words, "edgeflock nvs encrypt IN.csv OUT.bin SIZE --keygen");
  const { keygen, inputkey } = options;
  if (Boolean(keygen) === (inputkey !== undefined))
    throw new VisibleError("give one of --keygen and --inputkey");
  const { encryptNvs, readKeyPartition } = await import("../../../builders/nvs/encrypt.ts");
  const plain = await imageFromCsv(inputs, size, options.version);
  if (inputkey !== undefined && options.keyfile !== undefined)
    say("--keyfile is of no use beside --inputkey");
  const keys =
    inputkey === undefined ? await makeKeyFiles(options) : readKeyPartition(await readInput(inputkey));
  const path = outputPath(output, options.outdir);
  await writeOutput(path, encryptNvs(plain, keys));
  say(`${path === "-" ? "standard output" : path}: an encrypted NVS image of 0x${size.toString(16)} bytes`);
}
