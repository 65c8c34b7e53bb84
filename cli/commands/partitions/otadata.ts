// `edgeflock partitions otadata`: the partition that chooses the app slot to boot, written or read.
import { Command } from "commander";
import type { OtaState } from "../../../builders/partitions/index.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { readInput, say, writeOutput } from "../nvs/files.ts";

const STATES: OtaState[] = ["undefined", "new", "pending-verify", "valid", "invalid", "aborted"];

export function otadataCommand(): Command {
  return new Command("otadata")
    .description("Write the otadata partition that boots an app slot, or show what one says.")
    .argument("[slot]", "0 for ota_0, 1 for ota_1, …")
    .argument("[output]", 'file to write, or "-"')
    .option("--state <state>", `state of the slot's image: ${STATES.join(", ")}`, "undefined")
    .option("--read <file>", "show what this otadata says instead")
    .option("--slots <number>", "number of OTA slots in the table, with --read", "2")
    .addHelpText(
      "after",
      `
The partition has 0x2000 bytes. Slot 0 in the state "undefined" says the same as Arduino's boot_app0.bin.

Examples:
  edgeflock partitions otadata 0 otadata.bin
  edgeflock partitions otadata --read otadata.bin`,
    )
    .action(otadata);
}

async function otadata(
  slot: string | undefined,
  output: string | undefined,
  options: { state: string; read?: string; slots: string },
): Promise<void> {
  const partitions = await import("../../../builders/partitions/index.ts");
  if (options.read !== undefined) {
    const bytes = await readInput(options.read);
    for (const [sector, entry] of partitions.readOtadata(bytes).entries()) {
      const text = entry ? `sequence ${entry.sequence}, ${entry.state}` : "empty or damaged";
      process.stdout.write(`sector ${sector}: ${text}\n`);
    }
    const boots = partitions.bootSlot(bytes, Number(options.slots));
    process.stdout.write(
      `boots: ${boots === undefined ? "the factory app, or ota_0 without one" : `ota_${boots}`}\n`,
    );
    return;
  }
  if (slot === undefined || output === undefined) {
    throw new VisibleError("a slot and an output are needed", {
      hint: "edgeflock partitions otadata 0 otadata.bin",
    });
  }
  const state = STATES.find((known) => known === options.state);
  if (!state)
    throw new VisibleError(`there is no state ${JSON.stringify(options.state)}`, { hint: STATES.join(", ") });
  await writeOutput(output, partitions.otadata(/^\d+$/.test(slot) ? Number(slot) : Number.NaN, state));
  say(`${output === "-" ? "standard output" : output}: otadata that boots ota_${slot}`);
}
