// The flashing station: many virtual boards at once, real esptool, real API server.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import { readResults } from "../../flash/station/result-log.ts";
import { type PortRow, runStation, type StationOptions } from "../../flash/station/station.ts";
import {
  startVirtualDevice,
  type VirtualDevice,
  type VirtualDeviceOptions,
} from "../../flash/virtual-esp32/start-virtual-device.ts";
import { CONFIG, storeInCluster } from "../flash/flash-script/support/artifact.ts";
import { Bench, CLASS, PASSWORD } from "../flash/flash-script/support/bench.ts";
import { type Ran, run } from "../flash/flash-script/support/shell.ts";

const COMMAND = fileURLToPath(new URL("../../bin/edgeflock.mjs", import.meta.url));

let boards = 0;
const board = (bench: Bench, options: Partial<VirtualDeviceOptions> = {}) =>
  startVirtualDevice({ chip: "esp32", flash: join(bench.folder, `board-${++boards}.bin`), ...options });

const configOn = (device: VirtualDevice) =>
  readFileSync(device.flash).subarray(CONFIG.offset, CONFIG.offset + CONFIG.size);

async function station(bench: Bench, options: Partial<StationOptions>) {
  const source = await ClusterSource.open(bench.api, bench.namespace, CLASS);
  const logPath = join(bench.folder, `log-${Math.random()}.jsonl`);
  const summary = await runStation({
    source,
    esptool: bench.tools.esptool.split(" "),
    logPath,
    signal: new AbortController().signal,
    ...options,
  });
  return { summary, log: readResults(options.logPath ?? logPath) };
}

/** Each test has its own namespace, since "the next device" is about all of a class. */
async function withBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = await Bench.open();
  try {
    await bench.publish();
    await work(bench);
  } finally {
    await bench.close();
  }
}

describe("the station", () => {
  it("gives eight boards at once eight devices, and says nothing is left to a ninth", () =>
    withBench(async (bench) => {
      const names = Array.from({ length: 8 }, (_, index) => `cam-${index + 1}`);
      const images = new Map<string, Uint8Array>();
      for (const name of names) images.set(name, await bench.device(name));
      await using stack = new AsyncDisposableStack();
      const devices = await Promise.all(Array.from({ length: 9 }, () => board(bench)));
      for (const device of devices) stack.use(device);
      const { summary, log } = await station(bench, { ports: devices.map(({ url }) => url) });
      expect(log.map(({ error }) => error).filter(Boolean)).toEqual([]);
      expect(summary).toEqual({ flashed: 8, unchanged: 0, failed: 0, nothingLeft: true });
      const flashed = log.filter(({ outcome }) => outcome === "flashed");
      expect(flashed.map(({ device }) => device).sort()).toEqual(names);
      for (const entry of flashed) {
        const device = devices.find(({ mac }) => mac === entry.mac) as VirtualDevice;
        expect(configOn(device).equals(images.get(entry.device as string) as Uint8Array)).toBe(true);
        expect((await bench.lease(entry.device as string)).spec.holderIdentity).toBe(entry.mac);
        expect(entry).toMatchObject({
          port: device.url,
          class: CLASS,
          artifactDigest: bench.artifact.digest,
          firmwareVersion: "1.0.0",
        });
      }
      expect(JSON.stringify(log)).not.toContain(PASSWORD);
      expect(
        readdirSync(tmpdir()).filter(
          (name) => name.includes(`edgeflock-station.`) && name.includes(`.${process.pid}.`),
        ),
      ).toEqual([]);
    }));

  it("leaves a board alone that has everything, and writes it when its configuration or firmware has changed", () =>
    withBench(async (bench) => {
      await bench.device("cam-1");
      await bench.device("cam-2");
      await using device = await board(bench);
      const once = () => station(bench, { ports: [device.url] });
      expect((await once()).summary.flashed).toBe(1);
      const before = readFileSync(device.flash);
      expect((await once()).summary).toMatchObject({ flashed: 0, unchanged: 1 });
      expect(readFileSync(device.flash).equals(before)).toBe(true);
      const image = await bench.device("cam-1", { generation: 2 });
      expect((await once()).log.at(-1)).toMatchObject({ outcome: "flashed", device: "cam-1", generation: 2 });
      expect(configOn(device).equals(image)).toBe(true);
      expect((await bench.lease("cam-1")).metadata.annotations).toMatchObject({
        "edgeflock.io/credential-generation": "2",
      });
      await bench.publish(await storeInCluster(bench.api, bench.namespace, bench.make({ version: "2.0.0" })));
      expect((await once()).log.at(-1)).toMatchObject({
        outcome: "flashed",
        device: "cam-1",
        firmwareVersion: "2.0.0",
      });
      expect(await bench.leaseOrUndefined("cam-2")).toBeUndefined();
    }));

  it("goes on where the flash script left off, and the script where it did", () =>
    withBench(async (bench) => {
      await bench.device("cam-1");
      await bench.device("cam-2");
      await using first = await board(bench);
      await using second = await board(bench);
      expect((await bench.flash(["cam-1", "--port", first.url])).code).toBe(0);
      const { summary, log } = await station(bench, { ports: [first.url, second.url] });
      expect(summary).toMatchObject({ flashed: 1, unchanged: 1, failed: 0 });
      expect(log.find(({ outcome }) => outcome === "flashed")).toMatchObject({
        device: "cam-2",
        mac: second.mac,
      });
      const ran = await bench.flash(["cam-2", "--port", second.url, "--config-only"]);
      expect(ran.stderr).toContain("nothing was written");
    }));

  it("watches ports: boards come, go, and come back", () =>
    withBench(async (bench) => {
      for (const name of ["cam-1", "cam-2"]) await bench.device(name);
      await using first = await board(bench, { pty: true });
      await using second = await board(bench, { pty: true });
      const ports = join(bench.folder, "ttyUSB0");
      symlinkSync(first.url, ports);
      const list = async () =>
        readdirSync(bench.folder)
          .filter((name) => name.startsWith("ttyUSB"))
          .map((name) => join(bench.folder, name));
      const seen: string[] = [];
      let swapped = false;
      const onChange = (rows: readonly PortRow[]) => {
        seen.push(rows.map(({ state, device }) => `${state} ${device ?? ""}`).join());
        if (swapped || rows[0]?.state !== "done") return;
        swapped = true;
        unlinkSync(ports);
        setTimeout(() => symlinkSync(second.url, ports), 1500);
      };
      const { summary } = await station(bench, { listPorts: list, onChange, count: 2 });
      expect(summary).toMatchObject({ flashed: 2, failed: 0 });
      expect(seen).toContain("");
      expect((await bench.lease("cam-1")).spec.holderIdentity).toBe(first.mac);
      expect((await bench.lease("cam-2")).spec.holderIdentity).toBe(second.mac);
    }));

  it("writes boards at remote benches, over RFC 2217", () =>
    withBench(async (bench) => {
      for (const name of ["cam-1", "cam-2"]) await bench.device(name);
      await using first = await board(bench, { rfc2217: true });
      await using second = await board(bench, { rfc2217: true });
      const { summary } = await station(bench, { ports: [first.url, second.url] });
      expect(summary).toMatchObject({ flashed: 2, failed: 0 });
      expect(
        [await bench.lease("cam-1"), await bench.lease("cam-2")]
          .map(({ spec }) => spec.holderIdentity)
          .sort(),
      ).toEqual([first.mac, second.mac].sort());
    }));

  it("gives the device that is scanned", () =>
    withBench(async (bench) => {
      for (const name of ["cam-1", "cam-2", "cam-3"]) await bench.device(name);
      await using device = await board(bench);
      const scans = (async function* () {
        yield "cam-3";
      })();
      const { log } = await station(bench, { ports: [device.url], scans });
      expect(log.at(-1)).toMatchObject({ outcome: "flashed", device: "cam-3", mac: device.mac });
    }));

  it("refuses a scanned device that another board has, with both named", () =>
    withBench(async (bench) => {
      await bench.device("cam-1");
      await using first = await board(bench);
      await using second = await board(bench);
      await station(bench, { ports: [first.url] });
      const scans = (async function* () {
        yield "cam-1";
      })();
      const { summary, log } = await station(bench, { ports: [second.url], scans });
      expect(summary.failed).toBe(1);
      expect(log.at(-1)?.error).toMatch(
        new RegExp(`cam-1 is the board ${first.mac}, flashed .*; this board is ${second.mac}`),
      );
    }));

  it("goes on with the other boards when one fails, and tells why", () =>
    withBench(async (bench) => {
      for (const name of ["cam-1", "cam-2", "cam-3"]) await bench.device(name);
      await using good = await board(bench);
      await using wrongChip = await board(bench, { chip: "esp32c3" });
      await using small = await board(bench, { flashSize: "2MB" });
      await using worn = await board(bench, { faults: ["wrong-md5"] });
      const ports = [good, wrongChip, small, worn].map(({ url }) => url);
      const { summary, log } = await station(bench, { ports: [...ports, "/dev/no-such-port"] });
      expect(summary).toMatchObject({ flashed: 1, failed: 4 });
      const errors = log.filter(({ outcome }) => outcome === "failed").map(({ error }) => error);
      for (const words of [
        "has a chip esp32c3",
        "has 2048 KB of flash",
        "is not what was written",
        "cannot be opened",
      ]) {
        expect(errors.join("\n")).toContain(words);
      }
    }));

  it("refuses a class that is not there, and firmware that is damaged", () =>
    withBench(async (bench) => {
      await expect(ClusterSource.open(bench.api, bench.namespace, "valve")).rejects.toThrow(
        'no device class "valve"',
      );
      await bench.publish({ ...bench.artifact, digest: `sha256:${"0".repeat(64)}` });
      await expect(station(bench, { ports: [] })).rejects.toThrow("is missing or damaged");
    }));
});

describe("npx edgeflock flash", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.open();
    await bench.publish();
  });
  afterAll(() => bench?.close());

  const edgeflock = (...args: string[]): Promise<Ran> =>
    run([process.execPath, COMMAND, ...args, "--kubeconfig", bench.tools.kubeconfig, "-n", bench.namespace], {
      cwd: bench.folder,
    });

  it("flashes, prints results as JSON, and makes labels; replace-board lets another board have the device", async () => {
    await bench.device("cam-1");
    await using first = await board(bench);
    await using second = await board(bench);
    const ran = await edgeflock(
      "flash",
      CLASS,
      "--port",
      first.url,
      "--json",
      "--labels",
      "labels",
      "--label-format",
      "zpl",
    );
    expect(ran.stderr).toContain(`${first.url}: done (cam-1 ${first.mac})`);
    expect(JSON.parse(ran.stdout)).toMatchObject({ outcome: "flashed", device: "cam-1", mac: first.mac });
    expect(ran.code).toBe(0);
    expect(readFileSync(join(bench.folder, "labels", "cam-1.zpl"), "utf8")).toContain(first.mac);
    expect(
      readResults(join(bench.folder, ".edgeflock", "flash-log.jsonl")).map(({ outcome }) => outcome),
    ).toEqual(["claimed", "flashed"]);

    const unsure = await edgeflock("replace-board", "cam-1");
    expect(unsure.stderr).toContain(`cam-1 is the board ${first.mac}`);
    expect(unsure.code).toBe(2);
    expect((await edgeflock("replace-board", "cam-1", "--yes")).stdout).toContain(
      `no longer the board ${first.mac}`,
    );
    const again = await edgeflock("flash", CLASS, "cam-1", "--port", second.url);
    expect(again.stdout).toContain("1 flashed.");
    const lease = await bench.lease("cam-1");
    expect(lease.spec.holderIdentity).toBe(second.mac);
    expect(lease.metadata.annotations?.["edgeflock.io/previous-mac"]).toBe(first.mac);
    expect((await edgeflock("replace-board", "cam-9", "--yes")).code).toBe(6);
  });

  it("ends with exit code 10 when a board failed", async () => {
    await using device = await board(bench, { chip: "esp32c3" });
    const ran = await edgeflock("flash", CLASS, "--port", device.url);
    expect(ran.stderr).toContain("has a chip esp32c3");
    expect(ran.code).toBe(10);
  });

  it("killed in the middle gives the same board the same device when it goes on", async () => {
    for (const name of ["cam-2", "cam-3"]) await bench.device(name);
    await using device = await board(bench, { faults: ["slow@10"], baudPacing: 921_600 });
    const args = [
      "flash",
      CLASS,
      "--port",
      device.url,
      "--kubeconfig",
      bench.tools.kubeconfig,
      "-n",
      bench.namespace,
    ];
    const child = spawn(process.execPath, [COMMAND, ...args], {
      cwd: bench.folder,
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    await new Promise<void>((resolve) => {
      let text = "";
      child.stderr.on("data", (piece) => {
        text += piece;
        if (/writing [1-9]/.test(text)) resolve();
      });
    });
    // its own process group, esptool and all
    process.kill(-(child.pid as number), "SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
    const claimed = readResults(join(bench.folder, ".edgeflock", "flash-log.jsonl")).at(-1);
    expect(claimed).toMatchObject({ outcome: "claimed", mac: device.mac });
    const ran = await edgeflock("flash", CLASS, "--port", device.url, "--json");
    expect(JSON.parse(ran.stdout)).toMatchObject({
      outcome: "flashed",
      device: claimed?.device,
      mac: device.mac,
    });
    expect(
      readdirSync(tmpdir()).filter(
        (name) => name.includes(`.${child.pid}.`) && name.startsWith("edgeflock-station."),
      ),
    ).toEqual([]);
  });
});
