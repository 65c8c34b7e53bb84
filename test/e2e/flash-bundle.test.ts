// Flashing without a network: export, flash from the file, bring the results back. Real API server, real esptool.
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import {
  startVirtualDevice,
  type VirtualDeviceOptions,
} from "../../flash/virtual-esp32/start-virtual-device.ts";
import { CONFIG } from "../flash/flash-script/support/artifact.ts";
import { Bench, CLASS, PASSWORD } from "../flash/flash-script/support/bench.ts";
import { type Ran, run } from "../flash/flash-script/support/shell.ts";

const COMMAND = fileURLToPath(new URL("../../bin/edgeflock.mjs", import.meta.url));

let bench: Bench;
let images: Map<string, Uint8Array>;
let boards = 0;
beforeEach(async () => {
  bench = await Bench.open();
  await bench.publish();
  images = new Map();
  for (const name of ["cam-1", "cam-2", "cam-3"]) images.set(name, await bench.device(name));
  writeFileSync(join(bench.folder, "passphrase"), "some words that nobody knows\n", { mode: 0o600 });
});
afterEach(() => bench?.close());

const board = (options: Partial<VirtualDeviceOptions> = {}) =>
  startVirtualDevice({ chip: "esp32", flash: join(bench.folder, `board-${++boards}.bin`), ...options });

/** With a network. */
const online = (...args: string[]): Promise<Ran> =>
  run([process.execPath, COMMAND, ...args, "--kubeconfig", bench.tools.kubeconfig, "-n", bench.namespace], {
    cwd: bench.folder,
  });

/** Without one: no kubeconfig at all. */
const offline = (...args: string[]): Promise<Ran> =>
  run([process.execPath, COMMAND, ...args], { cwd: bench.folder, env: { KUBECONFIG: "/no/such/file" } });

const holderOf = async (device: string) => (await bench.lease(device)).spec.holderIdentity;
const exported = (...more: string[]) =>
  online("bundle", CLASS, "--passphrase-file", "passphrase", "--out", "b", ...more);
const flashed = (file: string, ...more: string[]) =>
  offline("flash", CLASS, "--bundle", file, "--passphrase-file", "passphrase", ...more);

describe("an exported bundle", () => {
  it("flashes boards without a network, and its results come back", async () => {
    await using first = await board();
    await using second = await board();
    const made = await exported("--count", "2");
    expect(made.stdout).toContain("2 devices of esp32-cam, firmware 1.0.0");
    expect(await holderOf("cam-1")).toMatch(/^bundle:/);
    expect(await bench.leaseOrUndefined("cam-3")).toBeUndefined();
    expect(statSync(join(bench.folder, "b")).mode & 0o077).toBe(0);
    expect(readFileSync(join(bench.folder, "b")).includes(PASSWORD)).toBe(false);

    // nobody else gets what is reserved
    const refused = await bench.flash(["cam-1", "--port", first.url]);
    expect(refused.stderr).toContain("cam-1 is reserved for the exported bundle");
    expect(refused.code).toBe(11);

    const ran = await flashed("b", "--port", first.url, "--port", second.url);
    expect(ran.stdout).toContain("2 flashed.");
    for (const device of [first, second]) {
      const config = readFileSync(device.flash).subarray(CONFIG.offset, CONFIG.offset + CONFIG.size);
      expect([...images.values()].some((image) => config.equals(image))).toBe(true);
    }
    expect((await flashed("b", "--port", first.url)).stdout).toContain("1 had everything already");
    await using third = await board();
    expect((await flashed("b", "--port", third.url)).stdout).toContain("Every device has its board.");

    const merged = await online("bundle", "merge", "b.results.jsonl");
    expect(merged.stdout).toContain("2 devices noted in the cluster.");
    expect([await holderOf("cam-1"), await holderOf("cam-2")].sort()).toEqual([first.mac, second.mac].sort());
    const lease = await bench.lease("cam-1");
    expect(lease.metadata.annotations).toMatchObject({
      "edgeflock.io/firmware-version": "1.0.0",
      "edgeflock.io/credential-generation": "1",
      "edgeflock.io/artifact-digest": bench.artifact.digest,
    });
    // twice is as good as once
    expect((await online("bundle", "merge", "b.results.jsonl")).code).toBe(0);
    expect((await bench.lease("cam-1")).metadata.resourceVersion).toBe(lease.metadata.resourceVersion);
  });

  it("used at two benches by mistake: merging names both boards", async () => {
    await using first = await board();
    await using second = await board();
    await exported("cam-1");
    copyFileSync(join(bench.folder, "b"), join(bench.folder, "copy"));
    expect((await flashed("b", "--port", first.url)).code).toBe(0);
    expect((await flashed("copy", "--port", second.url)).code).toBe(0);
    expect((await online("bundle", "merge", "b.results.jsonl")).code).toBe(0);
    const ran = await online("bundle", "merge", "copy.results.jsonl");
    expect(ran.stderr).toContain(`cam-1 is the board ${first.mac}`);
    expect(ran.stderr).toContain(`this board is ${second.mac}`);
    expect(ran.code).toBe(11);
    expect(await holderOf("cam-1")).toBe(first.mac);
    // also when both logs come at once
    const both = await online("bundle", "merge", "b.results.jsonl", "copy.results.jsonl");
    expect(both.stderr).toContain(second.mac);
    expect(both.code).toBe(11);
  });

  it("merged, says of a board that was begun again that nothing is known of it, and refuses one that is another device", async () => {
    const { leases } = await ClusterSource.open(bench.api, bench.namespace, CLASS);
    const [mac, other] = ["24:0a:c4:00:00:01", "24:0a:c4:00:00:02"];
    for (const device of ["cam-1", "cam-2"]) await leases.claim(device, "bundle:x");
    await leases.claim("cam-3", other);
    const line = (outcome: string, device: string, board: string, second: number) =>
      `${JSON.stringify({
        time: `2026-11-26T10:00:0${second}Z`,
        outcome,
        who: "ann",
        port: "p",
        mac: board,
        device,
        class: CLASS,
        cluster: "greenhouse",
        namespace: bench.namespace,
        bundle: "x",
        ...(outcome === "flashed" && { configDigest: "sha256:c", artifactDigest: "sha256:a" }),
      })}\n`;
    const log = join(bench.folder, "x.jsonl");
    writeFileSync(log, line("claimed", "cam-1", mac, 1) + line("flashed", "cam-1", mac, 2));
    expect((await online("bundle", "merge", log)).code).toBe(0);
    expect(await leases.read("cam-1")).toMatchObject({ holder: mac, flashedAt: "2026-11-26T10:00:02Z" });

    writeFileSync(log, line("claimed", "cam-1", mac, 3), { flag: "a" });
    writeFileSync(log, line("flashed", "cam-2", other, 4), { flag: "a" });
    const ran = await online("bundle", "merge", log);
    expect(ran.stderr).toContain(`The board ${other} became cam-2 at the bench and is cam-3 in the cluster`);
    expect(ran.code).toBe(11);
    expect(await leases.read("cam-1")).toMatchObject({
      holder: mac,
      flashedAt: undefined,
      configDigest: undefined,
    });
    expect(await holderOf("cam-2")).toBe("bundle:x");
    expect(await holderOf("cam-3")).toBe(other);
  });

  it("frees what was not used, when it is given back or lost", async () => {
    await using device = await board();
    await exported();
    await flashed("b", "--port", device.url);
    const merged = await online("bundle", "merge", "--release", "b.results.jsonl");
    expect(merged.stdout).toContain("1 devices noted in the cluster, 2 free again.");
    expect(await holderOf("cam-1")).toBe(device.mac);
    expect(await holderOf("cam-2")).toBeUndefined();
    rmSync(join(bench.folder, "b"));
    const lost = /bundle ([0-9a-z-]+)\./.exec((await exported()).stdout)?.[1] as string;
    expect((await online("bundle", "release", CLASS, lost)).stdout).toContain("Free again: cam-2, cam-3.");
    expect((await online("bundle", "release", CLASS, lost)).code).toBe(6);
  });

  it("opens with its passphrase or key only", async () => {
    await exported("cam-1");
    writeFileSync(join(bench.folder, "wrong"), "some other words\n");
    const wrong = await offline("flash", CLASS, "--bundle", "b", "--passphrase-file", "wrong", "--port", "x");
    expect(wrong.stderr).toContain("The passphrase is wrong, or the file is damaged");
    expect(wrong.code).toBe(7);
    const unasked = await offline("flash", CLASS, "--bundle", "b", "--port", "x");
    expect(unasked.stderr).toContain("nobody is there to be asked");

    const identity = await generateX25519Identity();
    writeFileSync(join(bench.folder, "identity"), `# mine\n${identity}\n`, { mode: 0o600 });
    expect(
      (
        await online(
          "bundle",
          CLASS,
          "cam-2",
          "--recipient",
          await identityToRecipient(identity),
          "--out",
          "k",
        )
      ).code,
    ).toBe(0);
    await using device = await board();
    const ran = await offline(
      "flash",
      CLASS,
      "--bundle",
      "k",
      "--identity",
      "identity",
      "--port",
      device.url,
      "--json",
    );
    expect(JSON.parse(ran.stdout)).toMatchObject({ outcome: "flashed", device: "cam-2", mac: device.mac });
    expect(
      (await offline("flash", "valve", "--bundle", "k", "--identity", "identity", "--port", "x")).stderr,
    ).toContain("of class esp32-cam, not valve");
  });

  it("is not made by halves: what was reserved is free again", async () => {
    await bench.device("cam-2", { tamper: (image) => (image[100]! ^= 1) });
    const damaged = await exported();
    expect(damaged.stderr).toContain("The configuration of cam-2 is damaged");
    expect(existsSync(join(bench.folder, "b"))).toBe(false);
    expect(await holderOf("cam-1")).toBeUndefined();
    writeFileSync(join(bench.folder, "short"), "short\n");
    const short = await online("bundle", CLASS, "cam-1", "--passphrase-file", "short", "--out", "b");
    expect(short.stderr).toContain("fewer than 10 characters");
    expect(await holderOf("cam-1")).toBeUndefined();
    expect(
      (await online("bundle", CLASS, "cam-1", "--recipient", "age1nonsense", "--out", "b")).stderr,
    ).toContain("is no age recipient");
    await exported("cam-1");
    expect((await exported("cam-3")).stderr).toContain("is there already");
  });
});
