import { describe, expect, it } from "vitest";
import type { BoardRecord } from "../../../flash/board-lease.ts";
import { DeviceQueue } from "../../../flash/station/device-queue.ts";

const board = (device: string, holder: string | undefined): BoardRecord => ({
  device,
  holder,
  configDigest: undefined,
  artifactDigest: undefined,
  firmwareVersion: undefined,
  generation: undefined,
  flashedAt: undefined,
  flashedBy: undefined,
  resourceVersion: "1",
});

describe("what a new board becomes", () => {
  it("is the next device that no board has", async () => {
    const queue = new DeviceQueue({
      boards: [board("a", "m1"), board("b", undefined)],
      names: ["a", "b", "c"],
    });
    expect([await queue.next(), await queue.next(), await queue.next()]).toEqual(["b", "c", undefined]);
  });

  it("is never the same for two that ask at once", async () => {
    const names = (async function* () {
      for (let index = 0; index < 50; index++) yield `d${index}`;
    })();
    const queue = new DeviceQueue({ boards: [], names });
    const given = await Promise.all(Array.from({ length: 60 }, () => queue.next()));
    expect(new Set(given.filter(Boolean)).size).toBe(50);
    expect(given.filter((name) => name === undefined)).toHaveLength(10);
  });

  it("is its own device when it is plugged in again", async () => {
    const queue = new DeviceQueue({ boards: [board("a", "m1")], names: ["b"] });
    expect(queue.ownOf("m1")?.device).toBe("a");
    expect(queue.ownOf("m2")).toBeUndefined();
    queue.assigned((await queue.next()) as string, "m2");
    expect(queue.ownOf("m2")?.device).toBe("b");
    queue.flashed("b", "m2", { configDigest: "c", artifactDigest: "f" });
    expect(queue.ownOf("m2")).toMatchObject({ device: "b", configDigest: "c", artifactDigest: "f" });
  });

  it("is what is scanned, for the board that has waited longest", async () => {
    const queue = new DeviceQueue({ boards: [], names: ["a"], scan: true });
    const first = queue.next();
    const second = queue.next();
    expect(queue.waiting).toBe(2);
    queue.scanned("x");
    queue.scanned("y");
    queue.scanned("z");
    expect([await first, await second, await queue.next()]).toEqual(["x", "y", "z"]);
  });

  it("is nothing once the scanner is gone", async () => {
    const queue = new DeviceQueue({ boards: [], names: [], scan: true });
    const waiting = queue.next();
    queue.close();
    expect([await waiting, await queue.next()]).toEqual([undefined, undefined]);
  });
});
