// `edgeflock partitions parse`: a table, or the one in a dump of a flash, as CSV or JSON.
import { Command } from "commander";
import type { Partition } from "../../../builders/partitions/index.ts";
import { readTable, type TableOptions, tableOptions } from "./table-input.ts";

export function parseCommand(): Command {
  const command = new Command("parse")
    .description("Print a table as CSV or JSON.")
    .argument("<input>", 'binary table, dump of a flash, CSV, or "-"');
  for (const option of tableOptions().slice(1)) command.addOption(option);
  return command
    .option("--json", "print JSON: numbers in bytes, flags by name")
    .addHelpText("after", "\nExample:\n  edgeflock partitions parse partitions.bin")
    .action(parse);
}

async function parse(input: string, options: TableOptions & { json?: true }): Promise<void> {
  const partitions = await import("../../../builders/partitions/index.ts");
  const { table } = await readTable(input, options);
  if (!options.json) {
    process.stdout.write(partitions.partitionTableToCsv(table));
    return;
  }
  const { FLAG, subtypeName, typeName } = partitions;
  const list = table.map(({ name, type, subtype, offset, size, flags }: Partition) => ({
    name,
    type: typeName(type) ?? type,
    subtype: subtypeName(type, subtype) ?? subtype,
    offset,
    size,
    flags: Object.entries(FLAG).flatMap(([flag, bit]) => (flags & bit ? [flag] : [])),
  }));
  process.stdout.write(`${JSON.stringify(list, undefined, 2)}\n`);
}
