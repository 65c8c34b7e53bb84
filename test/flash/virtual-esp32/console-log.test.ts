import { describe, expect, it } from "vitest";
import { ConsoleLog } from "../../../flash/virtual-esp32/console-log.ts";

const text = (value: string) => new TextEncoder().encode(value);

describe("a board's console", () => {
  it("makes lines of whatever pieces come, without colours and control characters", () => {
    const log = new ConsoleLog();
    for (const piece of ["he", "llo\r", "\n\x1b[0;32mI (1) boot: ok\x1b[0m\r\n", "a\x07b\x1b]0;title\x07c\n"])
      log.write(text(piece));
    expect(log.lines).toEqual(["hello", "I (1) boot: ok", "abc"]);
  });

  it("finds a line that was there, or waits for it", async () => {
    const log = new ConsoleLog();
    log.write(text("one\n"));
    expect(await log.waitFor(/^o/)).toBe("one");
    const waiting = log.waitFor(/^t/);
    log.write(text("two\n"));
    expect(await waiting).toBe("two");
  });

  it("says what was printed instead, when a line does not come", async () => {
    const log = new ConsoleLog();
    log.write(text("something else\n"));
    await expect(log.waitFor(/never/, { timeoutMs: 10 })).rejects.toThrow(
      /no line like \/never\/ within 0.01 s.*\nsomething else/,
    );
    const waiting = log.waitFor(/never/);
    log.close();
    await expect(waiting).rejects.toThrow(/before it stopped/);
  });

  it("gives lines to those who iterate, until it is closed", async () => {
    const log = new ConsoleLog();
    const found: string[] = [];
    const iteration = (async () => {
      for await (const line of log) found.push(line);
    })();
    log.write(text("a\nb\nend"));
    await Promise.resolve();
    log.close();
    await iteration;
    expect(found).toEqual(["a", "b", "end"]);
  });

  it("keeps a bounded count of bounded lines", () => {
    const log = new ConsoleLog();
    for (let round = 0; round < 30; round++) log.write(text("x\n".repeat(1000)));
    expect(log.lines).toHaveLength(10_000);
    log.write(new Uint8Array(1_000_000).fill(65));
    expect(log.lines.every((line) => line.length <= 4096)).toBe(true);
  });
});
