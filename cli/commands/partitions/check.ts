// `edgeflock partitions check`: everything that is wrong with a table and with what is to be flashed by it.
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { z } from "zod";
import type { FlashImage } from "../../../builders/partitions/index.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { parseSize } from "../nvs/arguments.ts";
import { say } from "../nvs/files.ts";
import {
  checkOptions,
  parseFlashSize,
  readTable,
  refuse,
  type TableOptions,
  tableOptions,
} from "./table-input.ts";

interface CheckOptions extends TableOptions {
  image: FlashImage[];
  flasherArgs?: string;
  configPartition?: string;
  configSize?: string;
}

export function checkCommand(): Command {
  const command = new Command("check")
    .description("Say everything that is wrong with a table, and with what is to be flashed by it.")
    .argument("<input>", 'CSV, binary table, or "-"');
  for (const option of tableOptions()) command.addOption(option);
  return command
    .option("--image <offset=file>", "something that is flashed; may be given again", addImage, [])
    .option("--flasher-args <file>", "ESP-IDF's flasher_args.json: check all that it flashes")
    .option("--config-partition <label>", "partition of the configuration image")
    .option("--config-size <bytes>", "size of the configuration image")
    .addHelpText(
      "after",
      `
Checked are names, alignment, overlaps, the flash's size, the NVS minimum, otadata, and that each image begins where
its partition begins, fits it and touches no other.

Example:
  edgeflock partitions check partitions.csv --flash-size 4MB --image 0xe000=boot_app0.bin --image 0x10000=app.bin`,
    )
    .action(check);
}

async function check(input: string, options: CheckOptions): Promise<void> {
  const { checkPartitionTable, warnAboutPartitionTable } = await import(
    "../../../builders/partitions/index.ts"
  );
  const { table } = await readTable(input, options);
  const flasher = options.flasherArgs === undefined ? undefined : readFlasherArgs(options.flasherArgs);
  const { configPartition: label, configSize } = options;
  if (configSize !== undefined && label === undefined)
    throw new VisibleError("--config-size needs --config-partition");
  const all = {
    ...(flasher?.flashSize !== undefined && { flashSize: flasher.flashSize }),
    ...checkOptions(options),
    images: [...options.image, ...(flasher?.images ?? [])],
    ...(label !== undefined && {
      configPartition: { label, ...(configSize !== undefined && { size: parseSize(configSize) }) },
    }),
  };
  for (const warning of warnAboutPartitionTable(table, all)) say(`${input}: warning: ${warning}`);
  refuse(input, checkPartitionTable(table, all));
  say(`${input}: ${table.length} partitions, nothing wrong`);
}

function addImage(text: string, images: FlashImage[]): FlashImage[] {
  const [, offset, path] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (offset === undefined || path === undefined) {
    throw new VisibleError(`--image ${JSON.stringify(text)} is not OFFSET=FILE`, {
      hint: "as in --image 0x10000=app.bin",
    });
  }
  return [...images, imageOf(path, parseSize(offset))];
}

function imageOf(path: string, offset: number): FlashImage {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) throw new VisibleError(`cannot read ${path}: there is no such file`);
  return { name: path, offset, size: found.size };
}

/** What Edgeflock needs of ESP-IDF's flasher_args.json. */
const flasherArgs = z.object({
  flash_files: z.record(z.string(), z.string()),
  flash_settings: z.object({ flash_size: z.string().optional() }).optional(),
});

function readFlasherArgs(path: string): { images: FlashImage[]; flashSize?: number } {
  const { flash_files, flash_settings } = parseFlasherArgs(path);
  const images = Object.entries(flash_files).map(([offset, file]) =>
    imageOf(join(dirname(path), file), parseSize(offset)),
  );
  const size = flash_settings?.flash_size;
  return { images, ...(size !== undefined && /^\d/.test(size) && { flashSize: parseFlashSize(size) }) };
}

function parseFlasherArgs(path: string): z.infer<typeof flasherArgs> {
  try {
    return flasherArgs.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    throw new VisibleError(`${path} is no flasher_args.json of ESP-IDF`, { cause });
  }
}
