// `edgeflock partitions generate`: CSV to the binary table.
import { Command } from "commander";
import { say, writeOutput } from "../nvs/files.ts";
import { checkOptions, readTable, refuse, type TableOptions, tableOptions } from "./table-input.ts";

interface GenerateOptions extends TableOptions {
  verify: boolean;
  disableMd5sum?: true;
  quiet?: true;
}

export function generateCommand(): Command {
  const command = new Command("generate")
    .description("Make the binary table from its CSV.")
    .argument("<input>", "CSV, or a binary table to write anew")
    .argument("[output]", 'file to write, or "-"', "-");
  for (const option of tableOptions()) command.addOption(option);
  return command
    .option("--no-verify", "write the table even if it is wrong")
    .option("--disable-md5sum", "leave out the checksum, for bootloaders from before ESP-IDF 3.1")
    .option("-q, --quiet", "say nothing but what is wrong")
    .addHelpText(
      "after",
      `
  # Name, Type, SubType, Offset, Size, Flags
  nvs,data,nvs,0x9000,0x5000,
  otadata,data,ota,0xe000,0x2000,
  cfg,data,nvs,,0x6000,readonly
  ota_0,app,ota_0,,1500K,

Partitions without an offset follow the one before them, apps at a multiple of 0x10000.`,
    )
    .action(generate);
}

async function generate(input: string, output: string, options: GenerateOptions): Promise<void> {
  const { checkPartitionTable, warnAboutPartitionTable, writePartitionTable } = await import(
    "../../../builders/partitions/index.ts"
  );
  const { table } = await readTable(input, options);
  if (options.verify) {
    refuse(input, checkPartitionTable(table, checkOptions(options)));
    if (!options.quiet)
      for (const warning of warnAboutPartitionTable(table)) say(`${input}: warning: ${warning}`);
  }
  await writeOutput(output, writePartitionTable(table, { md5: !options.disableMd5sum }));
  if (!options.quiet)
    say(`${output === "-" ? "standard output" : output}: a table of ${table.length} partitions`);
}
