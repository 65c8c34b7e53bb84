import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { explainEsptool } from "../../../flash/station/explain-esptool.ts";
import { listPorts, watchPorts } from "../../../flash/station/ports.ts";
import { changeLine, renderTable } from "../../../flash/station/table.ts";

describe("serial ports", () => {
  it.runIf(process.platform === "linux")("are those of USB adapters and boards, in order", async () => {
    const folder = mkdtempSync(join(tmpdir(), "edgeflock-ports-"));
    for (const name of ["ttyUSB1", "ttyUSB0", "ttyACM0", "ttyS0", "tty1", "ttyUSBx"])
      writeFileSync(join(folder, name), "");
    expect(await listPorts(folder)).toEqual(
      ["ttyACM0", "ttyUSB0", "ttyUSB1"].map((name) => join(folder, name)),
    );
    rmSync(folder, { recursive: true });
  });

  it("are told as they come and go", async () => {
    const stages = [["a"], ["a"], ["a", "b"], ["b"], []];
    const end = new AbortController();
    const changes: unknown[] = [];
    const list = async () => {
      const stage = stages.shift();
      if (stage === undefined) end.abort();
      return stage ?? [];
    };
    for await (const change of watchPorts(list, end.signal, 1)) changes.push(change);
    expect(changes).toEqual([
      { appeared: ["a"], vanished: [] },
      { appeared: ["b"], vanished: [] },
      { appeared: [], vanished: ["a"] },
      { appeared: [], vanished: ["b"] },
    ]);
  });
});

describe("what esptool says", () => {
  it.each([
    [
      "Could not open /dev/ttyUSB0, the port is busy or doesn't exist.\n([Errno 13] could not open port: [Errno 13] Permission denied)",
      false,
      8,
      "may not open",
    ],
    [
      "Could not open /dev/ttyUSB0, the port is busy or doesn't exist.\n(Could not exclusively lock port /dev/ttyUSB0: [Errno 11])",
      false,
      8,
      "is busy",
    ],
    [
      "Could not open COM3, the port is busy or doesn't exist.\n(could not open port 'COM3': PermissionError(13, 'Access is denied.'))",
      false,
      8,
      "is busy",
    ],
    [
      "Could not open /dev/ttyUSB7, the port is busy or doesn't exist.\n([Errno 2] No such file)",
      false,
      8,
      "cannot be opened",
    ],
    [
      "A fatal error occurred: Failed to connect to Espressif device: No serial data received.",
      false,
      9,
      "does not answer",
    ],
    ["A fatal error occurred: Failed to connect to ESP32: No serial data received.", true, 10, "broke off"],
    [
      "A serial exception error occurred: device reports readiness to read but returned no data (device disconnected?)",
      true,
      10,
      "broke off",
    ],
    ["A fatal error occurred: MD5 of file does not match data in flash!", true, 10, "not what was written"],
    ["A fatal error occurred: something new", true, 10, "something new"],
  ] as const)("%j becomes a sentence", (said, writing, exitCode, words) => {
    const error = explainEsptool(said, { port: "/dev/ttyUSB0", writing });
    expect(error.message).toContain(words);
    expect(error.exitCode).toBe(exitCode);
    expect(error.hint).not.toBe("");
  });
});

describe("the live table", () => {
  const row = { port: "/dev/ttyUSB0", since: 1000 };

  it("has a row a port with MAC, device and a bar", () => {
    const text = renderTable(
      [{ ...row, state: "writing", mac: "24:0a:c4:12:34:56", device: "cam-001", progress: 0.5 }],
      2000,
    );
    expect(text).toContain("/dev/ttyUSB0  24:0a:c4:12:34:56  cam-001");
    expect(text).toContain("██████████░░░░░░░░░░  50 %");
  });

  it("keeps what a board says out of the terminal's controls, and lines to the terminal's width", () => {
    const text = renderTable(
      [{ ...row, state: "failed", message: `\u001b[2J\u001b]0;title\u0007bad\nnews ${"x".repeat(500)}` }],
      2000,
      80,
    );
    expect(text).not.toContain("\u001b[2J");
    expect(text.split("\n")).toHaveLength(1);
  });

  it("tells states where there is no terminal, and of progress only each quarter", () => {
    const writing = (progress: number) => ({ ...row, state: "writing" as const, device: "a", progress });
    expect(changeLine(undefined, { ...row, state: "asking" })).toBe("/dev/ttyUSB0: asking");
    expect(changeLine(writing(0.1), writing(0.2))).toBeUndefined();
    expect(changeLine(writing(0.2), writing(0.3))).toBe("/dev/ttyUSB0: writing 30 % (a)");
  });
});
