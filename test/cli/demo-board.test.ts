import { describe, expect, it } from "vitest";
import { saysWhoItIs } from "../../cli/demo/flash-virtual-board.ts";
import { ConsoleLog } from "../../flash/virtual-esp32/console-log.ts";

const expected = { device: "fern-01", deviceClass: "node", settings: "00112233aabbccdd" };
const line = (device: string, config: string) =>
  `edgeflock: device ${device}, class node, firmware 1.0.0, config ${config}, generation 1`;

async function boardThatSays(...lines: string[]) {
  const log = new ConsoleLog();
  const board = {
    console: log.lines,
    waitFor: (pattern: RegExp, options?: { timeoutMs?: number }) => log.waitFor(pattern, options),
  };
  for (const text of lines) log.note(text);
  return saysWhoItIs(board, expected, 50);
}

describe("the demo's board", () => {
  it("is the device of the manifest with its settings, whatever it was before", async () => {
    await boardThatSays(line("fern-01", "0000000000000000"), line("fern-01", "00112233aabbccdd"));
  });

  it.each([
    ["another device", line("fern-02", "00112233aabbccdd"), 'it said "'],
    ["one with other settings", line("fern-01", "0000000000000000"), "config 0000000000000000"],
    ["one that says nothing", "edgeflock: no configuration", "nothing of the kind"],
  ])("is not %s", async (_, said, words) => {
    await expect(boardThatSays(said)).rejects.toThrow(words);
  });
});
