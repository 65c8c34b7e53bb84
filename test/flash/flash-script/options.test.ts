import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderFlashScript } from "../../../flash/flash-script.ts";
import { INPUT } from "./support/inputs.ts";
import { runPiped, SHELLS } from "./support/shell.ts";

const SCRIPT = renderFlashScript(INPUT);
let temp: string;
beforeAll(async () => {
  temp = await mkdtemp(join(tmpdir(), "edgeflock-options-"));
});
afterAll(() => rm(temp, { recursive: true }));

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))("under %s", (_, shell) => {
  // neither tool must be reached where the command line itself is wrong
  const flash = (...args: string[]) =>
    runPiped(shell, SCRIPT, args, { TMPDIR: temp, EDGEFLOCK_KUBECTL: "false", EDGEFLOCK_ESPTOOL: "false" });

  it("--help names every option and exit code, and the class", async () => {
    const { code, stdout } = await flash("--help");
    expect(code).toBe(0);
    for (const word of [
      "esp32-cam",
      "1.4.2",
      "--port",
      "--baud",
      "--firmware-only",
      "--config-only",
      "--fetch-only",
      "--erase",
      "--dry-run",
      "--yes",
      "--replace-board",
      "Exit codes",
    ]) {
      expect(stdout).toContain(word);
    }
    expect(stdout).toContain(
      "kubectl get configmap esp32-cam-flash -n greenhouse -o jsonpath='{.data.flash\\.sh}' | sh -s -- DEVICE",
    );
  });

  it.each([
    [[], "Which device shall the board become?"],
    [["cam-001", "cam-002"], "One device at a time"],
    [["Cam_1"], '"Cam_1" cannot be a device'],
    [["cam-001;id"], "cannot be a device"],
    [["--port"], "--port needs a value."],
    [["cam-001", "--port", "--yes"], '--port needs a value, not "--yes".'],
    [["cam-001", "--port="], "--port needs a value"],
    [["cam-001", "--baud", "fast"], '--baud needs a number, not "fast".'],
    [["cam-001", "--namespace", "a/b"], '"a/b" cannot be a namespace.'],
    [["cam-001", "--firmware-only", "--config-only"], "exclude each other"],
    [["cam-001", "--config-only", "--erase"], "--erase wipes firmware and configuration"],
    [["cam-001", "--firmware-only", "--replace-board"], "cannot go with --firmware-only"],
    [["cam-001", "--fetch-only", "x", "--erase"], "--fetch-only writes no board"],
    [["cam-001", "--colour"], "Unknown option --colour."],
  ] as const)("%j is refused in one line with exit code 2", async (args, message) => {
    const { code, stdout, stderr } = await flash(...args);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stdout).toBe("");
    expect(code).toBe(2);
    expect(readdirSync(temp)).toEqual([]);
  });

  it("wants a terminal or --yes before it wipes a board", async () => {
    const { code, stderr } = await flash("cam-001", "--erase", "--port", "/dev/null");
    expect(stderr).toContain("Not confirmed: Wipe the whole flash");
    expect(stderr).toContain("add --yes if you are sure");
    expect(code).toBe(2);
  });
});
