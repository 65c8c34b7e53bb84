import { describe, expect, it } from "vitest";
import { PacedLine } from "../../../flash/virtual-esp32/pacing.ts";

function clock() {
  const state = { time: 5000, sleeps: 0 };
  const sleep = async (milliseconds: number) => {
    state.time += milliseconds;
    state.sleeps++;
  };
  return { state, now: () => state.time, sleep };
}

describe("a paced line", () => {
  it("takes ten bits a byte", async () => {
    const time = clock();
    await new PacedLine(460_800, time).pass(46_080);
    expect(time.state.time - 5000).toBeCloseTo(1000);
  });

  it("keeps its own time over many small pieces, which it does not wait for one by one", async () => {
    const time = clock();
    const line = new PacedLine(100_000, time); // 10 bytes a millisecond
    for (let piece = 0; piece < 1000; piece++) await line.pass(3);
    expect(time.state.time - 5000).toBeGreaterThan(298);
    expect(time.state.time - 5000).toBeLessThan(300.001);
    expect(time.state.sleeps).toBeLessThan(300);
  });

  it("does not make up for time in which nothing was sent", async () => {
    const time = clock();
    const line = new PacedLine(100_000, time);
    await line.pass(100);
    time.state.time += 1000;
    await line.pass(100);
    expect(time.state.time - 5000).toBeCloseTo(1020);
  });
});
