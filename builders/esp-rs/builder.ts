// The firmware builder "esp-rs": Rust for the ESP32-C3, with ESP-IDF's bootloader. Planning asks the toolchain for
// its versions; the build itself is the program build.ts beside.
import { readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { VisibleError } from "../../model/visible-error.ts";
import { esptoolCommand } from "../../toolchain/python.ts";
import { findRiscvRust } from "../../toolchain/riscv-rust.ts";
import { tryCommand } from "../../toolchain/run-command.ts";
import { checkBuilderArgs, firmwareVersion, projectPath } from "../builder-args.ts";
import { builderFingerprint } from "../content-hash.ts";
import type { BuildControl, BuildPlan, FirmwareBuilder, FirmwareRequest, Json } from "../contract.ts";
import { hashSourceTree } from "../source-tree.ts";
import { BOOTLOADER_CHIPS } from "./bootloader.ts";

/** Of our own firmware; raised when what it does changes. */
const OWN_VERSION = "0.1.0";
const TIME_LIMIT = 60 * 60 * 1000;
/** The firmware holds a copy of the partition in memory (main.rs). */
const LARGEST_CONFIG = 96 * 1024;

const feature = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/, "is no name of a feature");
const args = z.strictObject({
  version: firmwareVersion.optional(),
  bin: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/, "is no name of a program")
    .optional(),
  features: z.array(feature).max(50).optional(),
});

/** Where cargo keeps crates and how it reaches a registry; no part of the result, which Cargo.lock pins. */
const CARGO_SETTINGS = /^(CARGO_HOME|CARGO_HTTP_.*|CARGO_NET_.*|https?_proxy|no_proxy)$/i;

/** What build.ts is told in its environment. */
export const TOOLS_VARIABLE = "EDGEFLOCK_ESP_RS";

export const espRsBuilder: FirmwareBuilder = {
  name: "esp-rs",

  async plan(request: FirmwareRequest, control: BuildControl): Promise<BuildPlan> {
    const own = checkBuilderArgs(request, args);
    const given = request.builder.source;
    refuseUnsuited(request, given === undefined);
    const module = fileURLToPath(import.meta.url);
    const source = given === undefined ? join(dirname(module), "firmware") : projectPath(request, given);
    const rust = await findRiscvRust();
    const esptool = await esptoolCommand({
      ...(control.progress && { progress: control.progress }),
      signal: control.signal,
    });
    const number = given === undefined ? OWN_VERSION : await crateVersion(source);
    const version = own.version ?? `${number}+${(await hashSourceTree(source)).slice(0, 8)}`;
    const program = given === undefined ? { bin: "firmware", features: ["board"] } : {};
    return {
      identity: {
        builder: `esp-rs ${await builderFingerprint(import.meta.url, SHARED)}`,
        toolchain: rust.identity,
        esptool: (await tryCommand([...esptool, "version"], { timeout: 60_000 })).stdout
          .trim()
          .split("\n")
          .at(-1)!,
      },
      source,
      args: { ...program, ...(own as Record<string, Json>), version },
      run: {
        kind: "command",
        command: [process.execPath, join(dirname(module), `build${extname(module)}`)],
        environment: {
          ...Object.fromEntries(Object.entries(process.env).filter(([name]) => CARGO_SETTINGS.test(name))),
          [TOOLS_VARIABLE]: JSON.stringify({ rust, esptool }),
        } as Record<string, string>,
        timeLimit: TIME_LIMIT,
      },
    };
  },
};

/** No module, and decides over the result: which bootloader. */
const SHARED = ["bootloaders/Cargo.lock"];

/** Of a user's crate. Of the build's hash it is no part by itself: the manifest is among the sources. */
async function crateVersion(source: string): Promise<string> {
  const manifest = await readFile(join(source, "Cargo.toml"), "utf8").catch(() => "");
  const [, own = ""] = manifest.split(/^\[package\]\s*$/m);
  const version = /^version\s*=\s*"([0-9A-Za-z.-]{1,20})"/m.exec(own.split(/^\[/m)[0]!)?.[1];
  return version ?? "0.0.0";
}

/** @param ours whether Edgeflock's own firmware is to be built, and not a user's */
function refuseUnsuited(request: FirmwareRequest, ours: boolean): void {
  const problems: string[] = [];
  if (!BOOTLOADER_CHIPS.includes(request.chip)) {
    problems.push(`it builds for ${BOOTLOADER_CHIPS.join(", ")}, not for ${request.chip}`);
  }
  if (ours && request.encryption) problems.push("its firmware reads no encrypted configuration");
  if (ours && request.config.format === "file") problems.push("its firmware takes no configuration file");
  if (ours && request.config.size > LARGEST_CONFIG) {
    problems.push(`its firmware reads a configuration partition of at most ${LARGEST_CONFIG} bytes`);
  }
  if (ours && request.sensors?.length) problems.push("its firmware has no sensor drivers");
  if (request.container) problems.push("it builds on this machine, not in a container");
  if (problems.length === 0) return;
  throw new VisibleError(`the firmware builder "esp-rs" cannot build this class: ${problems.join("; ")}`, {
    hint: "change the class, or build firmware of your own with spec.firmware.builder.source",
  });
}
