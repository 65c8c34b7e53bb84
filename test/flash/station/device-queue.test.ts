import { describe, expect, it } from "vitest";
import { DeviceQueue } from "../../../flash/station/device-queue.ts";
import { WriteBudget } from "../../../flash/station/write-budget.ts";

describe("what a new board becomes", () => {
  it("is the next device that no board has", async () => {
    const queue = new DeviceQueue({ held: ["a"], names: ["a", "b", "c"] });
    expect([await queue.next(), await queue.next(), await queue.next()]).toEqual(["b", "c", undefined]);
  });

  it("is one that was given back, after all others", async () => {
    const queue = new DeviceQueue({ held: [], names: ["a", "b"] });
    queue.giveBack((await queue.next()) as string);
    expect([await queue.next(), await queue.next(), await queue.next()]).toEqual(["b", "a", undefined]);
  });

  it("is never the same for two that ask at once", async () => {
    const names = (async function* () {
      for (let index = 0; index < 50; index++) yield `d${index}`;
    })();
    const queue = new DeviceQueue({ held: [], names });
    const given = await Promise.all(Array.from({ length: 60 }, () => queue.next()));
    expect(new Set(given.filter(Boolean)).size).toBe(50);
    expect(given.filter((name) => name === undefined)).toHaveLength(10);
  });

  it("is what is scanned, for the board that has waited longest", async () => {
    const queue = new DeviceQueue({ held: [], names: ["a"], scan: true });
    const first = queue.next();
    const second = queue.next();
    expect(queue.waiting).toBe(2);
    queue.scanned("x");
    queue.scanned("y");
    queue.scanned("z");
    expect([await first, await second, await queue.next()]).toEqual(["x", "y", "z"]);
  });

  it("is nothing once the scanner is gone", async () => {
    const queue = new DeviceQueue({ held: [], names: [], scan: true });
    const waiting = queue.next();
    queue.close();
    expect([await waiting, await queue.next()]).toEqual([undefined, undefined]);
  });

  it("is not what is scanned after the board was taken out: the next board has that", async () => {
    const queue = new DeviceQueue({ held: [], names: [], scan: true });
    const out = new AbortController();
    const first = queue.next(out.signal);
    const second = queue.next();
    out.abort(new Error("taken out"));
    queue.scanned("x");
    await expect(first).rejects.toThrow("taken out");
    expect(await second).toBe("x");
    expect(queue.waiting).toBe(0);
  });
});

describe("how many boards may still be written", () => {
  const { signal } = new AbortController();
  const settled = async (promise: Promise<boolean>) => Promise.race([promise, Promise.resolve("waits")]);

  it("is never more than were asked for, and one that failed makes room for another", async () => {
    const budget = new WriteBudget(2);
    expect([await budget.begin(signal), await budget.begin(signal)]).toEqual([true, true]);
    const third = budget.begin(signal);
    const fourth = budget.begin(signal);
    expect(await settled(third)).toBe("waits");
    budget.end(true);
    expect(await settled(third)).toBe("waits");
    budget.end(false);
    expect(await third).toBe(true);
    budget.end(true);
    expect(await fourth).toBe(false);
    expect(budget.reached).toBe(true);
  });

  it("does not keep a board waiting that was taken out", async () => {
    const budget = new WriteBudget(1);
    await budget.begin(signal);
    const out = new AbortController();
    const waiting = budget.begin(out.signal);
    out.abort(new Error("taken out"));
    await expect(waiting).rejects.toThrow("taken out");
  });
});
