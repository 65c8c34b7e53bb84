// One board, one device, at a station where boards are swapped, cables pulled and others work on the same class: real
// esptool, real API server, virtual boards.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BoardLeases } from "../../flash/board-lease.ts";
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import { readResults } from "../../flash/station/result-log.ts";
import { type PortRow, runStation, type StationOptions } from "../../flash/station/station.ts";
import {
  startVirtualDevice,
  type VirtualDevice,
  type VirtualDeviceOptions,
} from "../../flash/virtual-esp32/start-virtual-device.ts";
import { CONFIG } from "../flash/flash-script/support/artifact.ts";
import { Bench, CLASS } from "../flash/flash-script/support/bench.ts";

let boards = 0;
const board = (bench: Bench, options: Partial<VirtualDeviceOptions> = {}) =>
  startVirtualDevice({ chip: "esp32", flash: join(bench.folder, `board-${++boards}.bin`), ...options });

const configOn = (device: VirtualDevice) =>
  readFileSync(device.flash).subarray(CONFIG.offset, CONFIG.offset + CONFIG.size);
const holderOf = async (bench: Bench, device: string) => (await bench.lease(device)).spec.holderIdentity;
const factsOf = async (bench: Bench, device: string) =>
  (await bench.lease(device)).metadata.annotations ?? {};

/** @param meanwhile what others do once the station knows the class's boards */
async function station(bench: Bench, options: Partial<StationOptions>, meanwhile = async () => {}) {
  const source = await ClusterSource.open(bench.api, bench.namespace, CLASS);
  const boardsAtStart = source.boards.bind(source);
  source.boards = async () => {
    const known = await boardsAtStart();
    await meanwhile();
    return known;
  };
  const logPath = join(bench.folder, `log-${Math.random()}.jsonl`);
  const esptool = bench.tools.esptool.split(" ");
  const { signal } = new AbortController();
  const summary = await runStation({ source, esptool, logPath, signal, ...options });
  return { summary, log: readResults(logPath) };
}

/** Each test has its own namespace, since "the next device" is about all of a class. */
async function withBench(names: string[], work: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await Bench.open();
  try {
    await bench.publish();
    for (const name of names) await bench.device(name);
    await work(bench);
  } finally {
    await bench.close();
  }
}

/** Calls once when a row is as wanted. */
function when(wanted: (row: PortRow) => boolean, then: () => void): (rows: readonly PortRow[]) => void {
  let done = false;
  return (rows) => {
    if (done || !rows.some(wanted)) return;
    done = true;
    then();
  };
}

describe("a station beside others", () => {
  it("does not write a board as the device that another board was given meanwhile", () =>
    withBench(["cam-1", "cam-2"], async (bench) => {
      await using old = await board(bench);
      await station(bench, { ports: [old.url] });
      const { leases } = await ClusterSource.open(bench.api, bench.namespace, CLASS);
      const successor = "24:0a:c4:00:00:07";
      const { summary } = await station(bench, { ports: [old.url], again: true }, async () => {
        await leases.release("cam-1", old.mac);
        await leases.claim("cam-1", successor);
      });
      expect(summary).toMatchObject({ flashed: 1, failed: 0 });
      expect(await holderOf(bench, "cam-1")).toBe(successor);
      expect(await holderOf(bench, "cam-2")).toBe(old.mac);
      expect(configOn(old).equals(await bench.device("cam-2"))).toBe(true);
    }));

  it("gives no second device to a board that became one elsewhere meanwhile", () =>
    withBench(["cam-1", "cam-2"], async (bench) => {
      await using device = await board(bench);
      const { summary } = await station(bench, { ports: [device.url] }, async () => {
        expect((await bench.flash(["cam-2", "--port", device.url])).code).toBe(0);
      });
      expect(summary).toMatchObject({ flashed: 0, unchanged: 1 });
      expect(await bench.leaseOrUndefined("cam-1")).toBeUndefined();
      expect(await holderOf(bench, "cam-2")).toBe(device.mac);
    }));

  it("refuses a board that is a device of another class", () =>
    withBench(["cam-1"], async (bench) => {
      await bench.device("valve-1", { className: "valve" });
      await using device = await board(bench);
      const place = { cluster: "greenhouse", namespace: bench.namespace, class: "valve" };
      await new BoardLeases(bench.api, place).claim("valve-1", device.mac);
      const { summary, log } = await station(bench, { ports: [device.url] });
      expect(summary).toMatchObject({ flashed: 0, failed: 1 });
      expect(log.at(-1)?.error).toContain(`The board ${device.mac} is valve-1 of class valve, not ${CLASS}`);
      expect(await bench.leaseOrUndefined("cam-1")).toBeUndefined();
    }));

  it("gives a device whose configuration could not be read to a later board", () =>
    withBench([], async (bench) => {
      await bench.device("cam-1", { tamper: (image) => (image[200]! ^= 1) });
      await using first = await board(bench);
      await using second = await board(bench);
      let there = [first.url];
      const onChange = when(
        ({ state }) => state === "failed",
        () => void bench.device("cam-1").then(() => (there = [second.url])),
      );
      const { summary } = await station(bench, { listPorts: async () => there, onChange, count: 1 });
      expect(summary).toMatchObject({ flashed: 1, failed: 1 });
      expect(await holderOf(bench, "cam-1")).toBe(second.mac);
    }));

  it("writes no more boards than it was asked for, however many are plugged in", () =>
    withBench(["cam-1", "cam-2", "cam-3", "cam-4"], async (bench) => {
      await using stack = new AsyncDisposableStack();
      const devices = await Promise.all(Array.from({ length: 4 }, () => board(bench)));
      for (const device of devices) stack.use(device);
      const rows = new Map<string, PortRow>();
      const { summary } = await station(bench, {
        listPorts: async () => devices.map(({ url }) => url),
        count: 2,
        onChange: (now) => now.forEach((row) => void rows.set(row.port, row)),
      });
      expect(summary).toEqual({ flashed: 2, unchanged: 0, failed: 0, nothingLeft: false });
      expect([...rows.values()].filter(({ state }) => state === "not needed")).toHaveLength(2);
      const taken = ["cam-1", "cam-2", "cam-3", "cam-4"].map((name) => bench.leaseOrUndefined(name));
      expect((await Promise.all(taken)).filter(Boolean)).toHaveLength(2);
      const written = devices.filter((device) => configOn(device).some((byte) => byte !== 0xff));
      expect(written).toHaveLength(2);
    }));
});

describe("a board that is taken out", () => {
  it("while it waits for a scan is not meant by that scan: the next board at the port is", () =>
    withBench(["cam-9"], async (bench) => {
      const first = await board(bench);
      const { url } = first;
      await using stack = new AsyncDisposableStack();
      let there = [url];
      let second: VirtualDevice | undefined;
      const scan = Promise.withResolvers<void>();
      const waits = (mac: string) => (row: PortRow) => row.state === "waiting for a scan" && row.mac === mac;
      const onSecond: { call?: (rows: readonly PortRow[]) => void } = {};
      const swap = async () => {
        there = [];
        await first.stop();
        second = stack.use(await board(bench, { port: first.port as number }));
        onSecond.call = when(waits(second.mac), () => scan.resolve());
        setTimeout(() => (there = [url]), 1000);
      };
      const onFirst = when(waits(first.mac), () => void swap());
      const scans = (async function* () {
        await scan.promise;
        yield "cam-9";
        await new Promise(() => {}); // the scanner stays
      })();
      const { summary } = await station(bench, {
        listPorts: async () => there,
        scans,
        count: 1,
        onChange: (rows) => {
          onFirst(rows);
          onSecond.call?.(rows);
        },
      });
      expect(summary).toMatchObject({ flashed: 1, failed: 0 });
      expect(await holderOf(bench, "cam-9")).toBe(second?.mac);
      expect(configOn(second as VirtualDevice).equals(await bench.device("cam-9"))).toBe(true);
      expect(readFileSync(first.flash).every((byte) => byte === 0xff)).toBe(true);
    }));

  it("and replaced unseen: the other board is left alone, and is known to hold nothing any longer", () =>
    withBench(["cam-1", "cam-9"], async (bench) => {
      const second = join(bench.folder, "second.bin");
      const before = await board(bench, { flash: second });
      await station(bench, { ports: [before.url], devices: ["cam-1"] });
      await before.stop();
      const first = await board(bench);
      await using stack = new AsyncDisposableStack();
      const scan = Promise.withResolvers<void>();
      const swap = async () => {
        await first.stop();
        stack.use(await board(bench, { flash: second, port: first.port as number }));
        scan.resolve();
      };
      const scans = (async function* () {
        await scan.promise;
        yield "cam-9";
      })();
      const { summary, log } = await station(bench, {
        ports: [first.url],
        scans,
        onChange: when(
          ({ state }) => state === "waiting for a scan",
          () => void swap(),
        ),
      });
      expect(summary).toMatchObject({ flashed: 0, failed: 1 });
      expect(log.at(-1)?.error).toContain(`is ${before.mac} now; it was ${first.mac} when it was asked`);
      expect(configOn(before).equals(await bench.device("cam-9"))).toBe(false);
      expect(await factsOf(bench, "cam-9")).not.toHaveProperty(["edgeflock.io/flashed-at"]);
      expect(await holderOf(bench, "cam-1")).toBe(before.mac);
      expect(await factsOf(bench, "cam-1")).not.toHaveProperty(["edgeflock.io/config-digest"]);
    }));

  it.each([0.1, 0.5, 0.9])(
    "at %d of the way while it is written anew is unfinished, and is written to the end the next time",
    (part) =>
      withBench(["cam-1"], async (bench) => {
        const flash = join(bench.folder, "pulled.bin");
        {
          await using whole = await board(bench, { flash });
          expect((await station(bench, { ports: [whole.url] })).summary.flashed).toBe(1);
        }
        const total = bench.made.files.reduce((sum, { bytes }) => sum + bytes.length, CONFIG.size);
        const pulled = await board(bench, { flash, faults: [{ kind: "cut", at: Math.round(total * part) }] });
        // out it stays: esptool itself mends a cable that is plugged in again at once
        const out = pulled.waitFor(/cable was pulled/, { timeoutMs: 60_000 }).then(() => pulled.stop());
        const failed = await station(bench, { ports: [pulled.url], again: true });
        await out;
        expect(failed.summary).toMatchObject({ flashed: 0, failed: 1 });
        expect(failed.log.at(-1)?.error).toContain("broke off");
        const facts = await factsOf(bench, "cam-1");
        for (const fact of ["flashed-at", "config-digest", "artifact-digest"])
          expect(facts).not.toHaveProperty([`edgeflock.io/${fact}`]);
        await using device = await board(bench, { flash });
        expect((await station(bench, { ports: [device.url] })).log.at(-1)).toMatchObject({
          outcome: "flashed",
          device: "cam-1",
          mac: device.mac,
        });
        const written = readFileSync(flash);
        for (const { offset, bytes } of bench.made.files)
          expect(written.subarray(offset, offset + bytes.length).equals(bytes)).toBe(true);
        expect(configOn(device).equals(await bench.device("cam-1"))).toBe(true);
        expect(await factsOf(bench, "cam-1")).toHaveProperty(["edgeflock.io/flashed-at"]);
      }),
  );
});
