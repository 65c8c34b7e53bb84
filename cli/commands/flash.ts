// `edgeflock flash CLASS`: the flashing station on this machine's ports.
import { Command, InvalidArgumentError, Option } from "commander";

export interface FlashCommandOptions {
  port?: string[];
  namespace?: string;
  kubeconfig?: string;
  context?: string;
  bundle?: string;
  passphraseFile?: string;
  identity?: string;
  baud: number;
  count?: number;
  scan?: boolean;
  again?: boolean;
  erase?: boolean;
  log: string;
  labels?: string;
  labelFormat: "png" | "pdf" | "zpl";
  json?: boolean;
}

export function command(): Command {
  return new Command("flash")
    .description(
      "Flash many boards at once: each new board becomes the next device of the class that has none.",
    )
    .argument("<class>", "the device class")
    .argument("[devices...]", "give out only these devices, in this order")
    .option(
      "--port <port>",
      "flash the board at this port and end (may be repeated; also rfc2217://…)",
      collect,
    )
    .option("-n, --namespace <name>", "the class's namespace (default: the kube-context's)")
    .option("--kubeconfig <file>", "as in kubectl")
    .option("--context <name>", "as in kubectl")
    .option("--baud <rate>", "speed of the serial ports", positive, 460_800)
    .option("--count <n>", "end after so many boards", positive)
    .option("--scan", "each new board waits for a name from a bar or QR code scanner (or the keyboard)")
    .option("--again", "also write boards that have everything already")
    .option("--erase", "wipe each board's whole flash first")
    .option(
      "--bundle <file>",
      "flash from an exported bundle, without a network; its results are in <file>.results.jsonl",
    )
    .option("--passphrase-file <file>", "the bundle's passphrase is in this file (default: asked for)")
    .option("--identity <file>", "the bundle's age identity is in this file")
    .option("--log <file>", "result log, JSON Lines, only ever added to", ".edgeflock/flash-log.jsonl")
    .option("--labels <folder>", "put a label for each flashed board there")
    .addOption(
      new Option("--label-format <format>", "format of the labels")
        .choices(["png", "pdf", "zpl"])
        .default("png"),
    )
    .option("--json", "print each result as a line of JSON")
    .addHelpText(
      "after",
      `
Without --port, the station watches this machine's serial ports: plug boards in, take them out when they are done.
A board that is a device already stays that device and is written only if firmware or configuration changed.
Which board has which device stands in the Leases <device>-board: no device is ever given to two boards.

  npx edgeflock flash esp32-cam -n greenhouse
  npx edgeflock flash esp32-cam cam-007 --port /dev/ttyUSB0
  npx edgeflock flash esp32-cam --scan --labels labels --label-format zpl`,
    )
    .action(async (className: string, devices: string[], options: FlashCommandOptions) => {
      const { runFlashCommand } = await import("../flash/run-flash.ts");
      await runFlashCommand(className, devices, options);
    });
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("expected a whole number from 1");
  return value;
}
