// `edgeflock nvs …`: NVS images from the command line. Each subcommand is a module in nvs/.
import { Command } from "commander";
import { batchCommand } from "./nvs/batch.ts";
import { decodeCommand } from "./nvs/decode.ts";
import { decryptCommand } from "./nvs/decrypt.ts";
import { diffCommand } from "./nvs/diff.ts";
import { encryptCommand } from "./nvs/encrypt.ts";
import { generateCommand } from "./nvs/generate.ts";
import { generateKeyCommand } from "./nvs/generate-key.ts";

export function command(): Command {
  return new Command("nvs")
    .description("Generate, encrypt, decrypt, decode and compare NVS images.")
    .addCommand(generateCommand())
    .addCommand(encryptCommand())
    .addCommand(decryptCommand())
    .addCommand(generateKeyCommand())
    .addCommand(decodeCommand())
    .addCommand(diffCommand())
    .addCommand(batchCommand())
    .addHelpText(
      "after",
      `
generate, encrypt, decrypt and generate-key take the arguments of Espressif's esp-idf-nvs-partition-gen: in a
script, write "edgeflock nvs" where "python -m esp_idf_nvs_partition_gen" stands. batch takes mfg_gen's.
"-" in place of a file is standard input or output.

Exit codes: 0 done; 1 an input, a key or an argument is wrong, nothing was written; decode: 2 the image is
damaged; diff: 0 the same, 1 different, 2 trouble.

  edgeflock nvs generate settings.csv config.bin 0x6000
  edgeflock nvs decode config.bin
  edgeflock nvs decode config.bin --csv --show-values > settings.csv`,
    );
}
