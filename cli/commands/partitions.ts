// `edgeflock partitions …`: partition tables from the command line. Each subcommand is a module in partitions/.
import { Command } from "commander";
import { checkCommand } from "./partitions/check.ts";
import { generateCommand } from "./partitions/generate.ts";
import { otadataCommand } from "./partitions/otadata.ts";
import { parseCommand } from "./partitions/parse.ts";

export function command(): Command {
  return new Command("partitions")
    .description("Read, write and check partition tables.")
    .addCommand(generateCommand())
    .addCommand(parseCommand())
    .addCommand(checkCommand())
    .addCommand(otadataCommand())
    .addHelpText(
      "after",
      `
generate and parse do what ESP-IDF's gen_esp32part.py does, with its options. "-" in place of a file is standard
input or output.

Exit codes: 0 good; 1 the table, an image or an argument is wrong.

  edgeflock partitions generate partitions.csv partitions.bin --flash-size 4MB
  edgeflock partitions parse partitions.bin
  edgeflock partitions check partitions.csv --flash-size 4MB --image 0x10000=app.bin --config-partition cfg`,
    );
}
