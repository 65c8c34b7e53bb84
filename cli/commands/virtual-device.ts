// `edgeflock virtual-device`: runs one virtual ESP32 in the foreground and shows its console.
import { Command, Option } from "commander";
import type { VirtualDevice, VirtualDeviceOptions } from "../../flash/virtual-esp32/start-virtual-device.ts";
import { VisibleError } from "../../model/visible-error.ts";

interface Options {
  chip: "esp32" | "esp32c3";
  flash: string;
  flashSize?: string;
  port?: string;
  pty?: true;
  rfc2217?: true;
  mac?: string;
  boot?: true;
  fault: string[];
  baudPacing?: string;
  json?: true;
}

const HELP = `
The board waits in download mode for a flasher, or boots at once with --boot. When esptool has finished and
disconnected, it boots what was flashed: partition table, otadata and application image are checked as the
bootloader checks them, and the program that runs is the one inside the application image (firmware builder
"native"); of any other image it says what it is. With an rfc2217:// port, DTR and RTS reset it as on a board.

Examples:
  $ edgeflock virtual-device --chip esp32 --port 5555 --flash board.bin
  $ esptool --port socket://127.0.0.1:5555 write-flash 0x0 merged.bin        (in another terminal)

  $ edgeflock virtual-device --rfc2217 --port 5555 --flash board.bin --boot
  $ esptool --port rfc2217://127.0.0.1:5555 flash-id

  $ edgeflock virtual-device --flash board.bin --fault cut@65536             (the cable is pulled half-way)

Faults (--fault may be repeated):
  drop-byte@N        the N-th byte sent to the board is lost, once
  cut@N              the cable is pulled after N bytes, once, and put back after 10 s
  wrong-md5          every MD5 that the board answers is wrong
  slow, slow@MS      every command takes 50 (MS) milliseconds longer
  bad-block@ADDRESS  the 4 KiB sector at ADDRESS can neither be erased nor written

A firmware that ends with exit code 0 has ended; with 12 it asks for a restart; every other exit code and every
signal is a panic, after which the board restarts, until that becomes a boot loop.`;

export function command(): Command {
  return new Command("virtual-device")
    .description("run a virtual ESP32 that esptool can flash, and boot what was flashed")
    .addOption(new Option("--chip <chip>", "the chip").choices(["esp32", "esp32c3"]).default("esp32"))
    .requiredOption("--flash <file>", "file that holds the flash; created erased if it is not there")
    .option("--flash-size <size>", "1MB, 2MB, 4MB, 8MB or 16MB (default: the file's size, 4MB for a new one)")
    .option("--port <number>", "TCP port on 127.0.0.1 (default: a free one)")
    .option("--pty", "a pseudo terminal instead of a TCP port (needs python3)")
    .option("--rfc2217", "print the rfc2217:// URL (the port answers both kinds of client)")
    .option("--mac <mac>", "MAC address (default: one that follows from the flash file's path)")
    .option("--boot", "boot at once what is in the flash, instead of waiting in download mode")
    .option(
      "--fault <fault>",
      "a fault; repeatable, see below",
      (fault: string, all: string[]) => [...all, fault],
      [],
    )
    .option("--baud-pacing <baud>", "let the line be as slow as this baud rate (default: as fast as it can)")
    .option("--json", "print one line of JSON (url, mac, pid, …) when ready; the console goes to stderr")
    .addHelpText("after", HELP)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { startVirtualDevice } = await import("../../flash/virtual-esp32/start-virtual-device.ts");
  const device = await startVirtualDevice(deviceOptions(options));
  if (options.json) console.log(JSON.stringify(readyLine(device)));
  else console.error(readyText(device));
  await interrupted();
  await device.stop();
}

function deviceOptions(options: Options): VirtualDeviceOptions {
  const print = options.json ? console.error : console.log;
  const port = optionalNumber("--port", options.port);
  const baudPacing = optionalNumber("--baud-pacing", options.baudPacing);
  return {
    chip: options.chip,
    flash: options.flash,
    faults: options.fault,
    onConsole: (line) => print(line),
    ...(options.flashSize === undefined ? {} : { flashSize: options.flashSize }),
    ...(port === undefined ? {} : { port }),
    ...(options.mac === undefined ? {} : { mac: options.mac }),
    ...(baudPacing === undefined ? {} : { baudPacing }),
    pty: options.pty ?? false,
    rfc2217: options.rfc2217 ?? false,
    boot: options.boot ?? false,
  };
}

function optionalNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new VisibleError(`${name} takes a whole number, not "${text}"`);
  return Number(text);
}

function readyLine({ url, port, mac, chip, flash }: VirtualDevice): object {
  return { url, port, mac, chip, flash, pid: process.pid };
}

function readyText({ url, mac, chip, flash }: VirtualDevice): string {
  return [
    `virtual ${chip}, MAC ${mac}, flash ${flash}`,
    `  esptool --chip ${chip} --port ${url} write-flash 0x0 firmware.bin`,
    "Ctrl-C takes its power away; the flash file stays.",
  ].join("\n");
}

/** Resolves at Ctrl-C, a polite kill, or when the terminal goes away. */
function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
}
