// The board layers of chips, which no compiler here can build for: compiled against thin declarations of what they
// use of Arduino and ESP-IDF, and the modem's layer run against a modem that answers as its manual says.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HostFirmware, SOURCES } from "../native/host-firmware.ts";

const DECLARATIONS = fileURLToPath(new URL("declarations", import.meta.url));
const HARNESS = fileURLToPath(new URL("harness", import.meta.url));
const FAKES = fileURLToPath(new URL("../native/harness", import.meta.url));
const BOARDS = ["esp32dev", "esp32-cam", "sim7600"];

let folder = "";
let host: HostFirmware;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
  host = await HostFirmware.compile(folder, "headers only");
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a harness, which prints a line for each check that fails. */
function expectAllToHold(program: string): void {
  const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^\d+ checks\n$/),
    stderr: "",
  });
}

describe("the boards", () => {
  it("are those that docs and builder name", () => {
    const folders = globSync("boards/*", { cwd: SOURCES }).map((path) => path.replace("boards/", ""));
    expect(folders.sort()).toEqual([...BOARDS, "arduino", "native"].sort());
  });

  it.each(["arduino", ...BOARDS])(
    "%s compiles without a warning",
    async (board) => {
      const sources = globSync(`boards/${board}/*.cpp`, { cwd: SOURCES });
      expect(sources.length).toBeGreaterThan(0);
      for (const source of sources) {
        const object = `${source.replaceAll("/", "-")}.o`;
        await host.make(object, "-isystem", DECLARATIONS, "-c", join(SOURCES, source));
      }
    },
    300_000,
  );

  it("one board, and no other, says which one it is", () => {
    for (const board of BOARDS) {
      const objects = globSync(join(folder, `boards-${board}-*.o`));
      const symbols = spawnSync("nm", ["-C", "--defined-only", ...objects], { encoding: "utf8" });
      if (symbols.error) return; // a compiler without binutils
      expect(symbols.stdout.match(/ T edgeflock::thisBoard\(\)/g)).toHaveLength(1);
    }
  });
});

describe("a chip's storage", () => {
  it("starts its NVS anew only where that loses no settings", async () => {
    const core = [
      "boot",
      "bytes",
      "config_file",
      "config_move",
      "csv",
      "identity",
      "md5",
      "nvs_items",
      "nvs_reader",
    ];
    const parts = [...core, "nvs_store", "partition_table", "text"].map((name) =>
      join(SOURCES, `core/${name}.cpp`),
    );
    const sources = [join(HARNESS, "storage.cpp"), join(SOURCES, "boards/arduino/storage.cpp"), ...parts];
    const program = await host.make("storage", "-isystem", DECLARATIONS, "-I", FAKES, ...sources);
    expectAllToHold(program);
  }, 300_000);
});

describe("the SIM7600's layer", () => {
  it("registers, carries every byte as it is, and reads positions", async () => {
    const sources = [join(HARNESS, "modem.cpp"), join(SOURCES, "boards/sim7600/modem.cpp")];
    const program = await host.make("modem", "-I", FAKES, ...sources);
    expectAllToHold(program);
  }, 300_000);
});
