import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { TurnQueue } from "../../builders/turn-queue.ts";

describe("work that waits for its turn", () => {
  it("runs a hundred, never more at a time than its limit, those of higher priority first", async () => {
    const queue = new TurnQueue(4);
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const work = (priority: number) => async () => {
      most = Math.max(most, ++running);
      order.push(priority);
      await sleep(1);
      running--;
    };
    const priorities = Array.from({ length: 100 }, (_, index) => index % 5);
    await Promise.all(priorities.map((priority) => queue.inTurn(priority, undefined, work(priority))));
    expect(most).toBe(4);
    expect(order).toHaveLength(100);
    // the first four found it empty
    expect(order.slice(4)).toEqual([...order.slice(4)].sort((a, b) => b - a));
  });

  it("goes on after one that failed, and without one that was cancelled while it waited", async () => {
    const queue = new TurnQueue(1);
    const controller = new AbortController();
    const fails = queue.inTurn(0, undefined, async () => {
      await sleep(5);
      throw new Error("no");
    });
    const cancelled = queue.inTurn(0, controller.signal, async () => "never");
    const last = queue.inTurn(0, undefined, async () => "done");
    const refused = Promise.all([
      expect(fails).rejects.toThrow("no"),
      expect(cancelled).rejects.toThrow("stopped"),
    ]);
    controller.abort(new Error("stopped"));
    await refused;
    expect(await last).toBe("done");
  });
});
