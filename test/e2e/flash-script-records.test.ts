// What the flash script notes of boards and what it leaves them in, when writing broke off, a board changes its device, or
// something fails early; and downloads that break off. Real API server, real esptool, virtual boards.
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import {
  startVirtualDevice,
  type VirtualDeviceOptions,
} from "../../flash/virtual-esp32/start-virtual-device.ts";
import { CONFIG } from "../flash/flash-script/support/artifact.ts";
import { Bench, CLASS } from "../flash/flash-script/support/bench.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
  await bench.publish();
});
afterAll(() => bench?.close());
afterEach(() => expect(bench.leftBehind()).toEqual([]));

let boards = 0;
const board = (options: Partial<VirtualDeviceOptions> = {}) =>
  startVirtualDevice({ chip: "esp32", flash: join(bench.folder, `board-${++boards}.bin`), ...options });
const factsOf = async (device: string) => (await bench.lease(device)).metadata.annotations ?? {};
const holderOf = async (device: string) => (await bench.lease(device)).spec.holderIdentity;
const FACTS = ["flashed-at", "config-digest", "artifact-digest"].map((name) => `edgeflock.io/${name}`);
const known = async (device: string) => {
  const facts = await factsOf(device);
  return FACTS.filter((name) => facts[name] !== undefined).map((name) => name.slice("edgeflock.io/".length));
};

describe("the Lease of a board that was written before", () => {
  const breakOff = (name: string, url: string, ...more: string[]) => {
    let sent = false;
    return bench.flash([name, "--port", url, "--baud", "115200", ...more], {
      onStderr: (text, kill) => {
        if (sent || !/Writing to the board/.test(text)) return;
        sent = true;
        kill("SIGTERM");
      },
    });
  };

  it("tells nothing any longer once it is written anew, until that has come to its end", async () => {
    await bench.device("again");
    await using device = await board({ faults: ["slow@5"], baudPacing: 921_600 });
    expect((await bench.flash(["again", "--port", device.url])).code).toBe(0);
    expect(await known("again")).toHaveLength(3);
    expect((await breakOff("again", device.url)).code).toBe(143);
    expect(await known("again")).toEqual([]);
    expect(await holderOf("again")).toBe(device.mac);
    expect((await bench.flash(["again", "--port", device.url])).code).toBe(0);
    expect(await known("again")).toHaveLength(3);
  });

  it("keeps what is said of the part that is not written", async () => {
    await bench.device("parts");
    await using device = await board({ faults: ["slow@5"], baudPacing: 921_600 });
    expect((await bench.flash(["parts", "--port", device.url])).code).toBe(0);
    expect((await breakOff("parts", device.url, "--firmware-only")).code).toBe(143);
    expect(await known("parts")).toEqual(["config-digest"]);
    expect((await bench.flash(["parts", "--port", device.url, "--firmware-only"])).code).toBe(0);
    expect(await known("parts")).toHaveLength(3);
  });
});

describe("a board that is another device", () => {
  it("is refused, until the person says that it shall change; then the first device has no board", async () => {
    await bench.device("was");
    const image = await bench.device("becomes");
    await using device = await board();
    expect((await bench.flash(["was", "--port", device.url])).code).toBe(0);
    const before = readFileSync(device.flash);
    for (const more of [[], ["--firmware-only"], ["--config-only"]]) {
      const refused = await bench.flash(["becomes", "--port", device.url, ...more]);
      expect(refused.stderr).toContain(`This board (${device.mac}) is was, not becomes.`);
      expect(refused.code).toBe(11);
    }
    expect(readFileSync(device.flash).equals(before)).toBe(true);
    expect(await bench.leaseOrUndefined("becomes")).toBeUndefined();
    expect(await known("was")).toHaveLength(3);

    const ran = await bench.flash(["becomes", "--port", device.url, "--replace-board", "--yes"]);
    expect(ran.stderr).toContain("was has no board any longer");
    expect(ran.code).toBe(0);
    expect(readFileSync(device.flash).subarray(CONFIG.offset, CONFIG.offset + CONFIG.size)).toEqual(
      Buffer.from(image),
    );
    expect(await holderOf("becomes")).toBe(device.mac);
    expect(await holderOf("was")).toBeUndefined();
    expect(await known("was")).toEqual([]);
    expect((await factsOf("was"))["edgeflock.io/previous-mac"]).toBe(device.mac);
    expect((await factsOf("becomes"))["edgeflock.io/previous-mac"]).toBeUndefined();
  });

  it("cannot be told without the right to list Leases, which is named", async () => {
    await bench.device("unlisted");
    await using device = await board();
    const kubeconfig = await bench.person("lists-nothing", [
      { apiGroups: [""], resources: ["configmaps", "secrets"], verbs: ["get"] },
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "patch"] },
    ]);
    const ran = await bench.flash(["unlisted", "--port", device.url], { kubeconfig });
    expect(ran.stderr).toContain(`You may not list leases in namespace "${bench.namespace}"`);
    expect(ran.code).toBe(5);
  });
});

describe("a board that is swapped between the question and the write", () => {
  it("is told, and not recorded as the one that was asked", async () => {
    const esptool = join(bench.folder, "esptool of another board");
    const other = "24:0a:c4:99:99:99";
    writeFileSync(
      esptool,
      `#!/bin/sh\ncase "$*" in\n*write-flash*) ${bench.tools.esptool} "$@" | sed 's/^MAC: .*/MAC:  ${other}/' ;;\n*) exec ${bench.tools.esptool} "$@" ;;\nesac\n`,
    );
    chmodSync(esptool, 0o755);
    await bench.device("swapped");
    await using device = await board();
    const ran = await bench.flash(["swapped", "--port", device.url], { env: { EDGEFLOCK_ESPTOOL: esptool } });
    expect(ran.stderr).toContain(`Another board is at ${device.url} now: ${other}`);
    expect(ran.code).toBe(9);
    expect(await known("swapped")).toEqual([]);
  });
});

describe("a device that is in an exported bundle", () => {
  it("is refused with what can be done about that", async () => {
    await bench.device("reserved");
    await using device = await board();
    const { leases } = await ClusterSource.open(bench.api, bench.namespace, CLASS);
    await leases.claim("reserved", "bundle:2026-11-26-abc");
    const ran = await bench.flash(["reserved", "--port", device.url]);
    expect(ran.stderr).toContain("reserved is reserved for the exported bundle 2026-11-26-abc");
    expect(ran.stderr).toContain(`npx edgeflock bundle release ${CLASS} 2026-11-26-abc`);
    expect(ran.stderr).not.toContain("Plug in that board");
    expect(ran.code).toBe(11);
    expect((await bench.flash(["reserved", "--port", device.url, "--replace-board", "--yes"])).code).toBe(0);
    expect(await holderOf("reserved")).toBe(device.mac);
    expect((await factsOf("reserved"))["edgeflock.io/previous-mac"]).toBeUndefined();
  });
});

describe("a kubectl that warns", () => {
  it("is understood all the same, with a new Lease, a taken one and one that is the board's own", async () => {
    const kubectl = join(bench.folder, "kubectl that warns");
    writeFileSync(
      kubectl,
      `#!/bin/sh\necho 'Warning: this version of "kubectl" is {old}' >&2\nexec '${bench.tools.kubectl}' "$@"\n`,
    );
    chmodSync(kubectl, 0o755);
    await bench.device("warned");
    await using first = await board();
    await using second = await board();
    const flash = (url: string, ...more: string[]) =>
      bench.flash(["warned", "--port", url, ...more], { env: { EDGEFLOCK_KUBECTL: kubectl } });
    for (const ran of [
      await flash(first.url),
      await flash(first.url),
      await flash(second.url, "--replace-board", "--yes"),
    ]) {
      expect(ran.stderr).toContain("Done: written");
      expect(ran.code).toBe(0);
      expect(await known("warned")).toHaveLength(3);
    }
  });
});

describe("a board that runs", () => {
  it.each([
    ["an unknown device", "no-such-device", 6],
    ["a cluster that is another one", "running", 4],
  ])("is started again when the script stops early, because of %s", async (_, name, code) => {
    await bench.device("running");
    // DTR and RTS: only here a board stays in its loader when its flasher goes
    await using device = await board({ rfc2217: true, faults: ["slow@60"] });
    device.reset("boot");
    expect(device.state).not.toBe("download");
    const uid = "00000000-0000-0000-0000-000000000000";
    const script = code === 4 ? bench.script().replace(bench.clusterUid, uid) : bench.script();
    const ran = await bench.flash([name, "--port", device.url], { script });
    expect(ran.stderr).toContain("Letting the board at");
    expect(ran.stderr.trimEnd().split("\n").at(-1)).toMatch(/^flash\.sh: /);
    expect(ran.code).toBe(code);
    expect(device.state).not.toBe("download");
  });

  it("is started again when the person stops the script while the board is asked", async () => {
    await bench.device("stopped");
    await using device = await board({ rfc2217: true, faults: ["slow@60"] });
    device.reset("boot");
    let sent = false;
    const ran = await bench.flash(["stopped", "--port", device.url], {
      onStderr: (text, kill) => {
        if (sent || !/Fetching/.test(text)) return;
        sent = true;
        kill("SIGINT");
      },
    });
    expect(ran.stderr).toContain("Stopped. Nothing was written to the board.");
    expect(ran.code).toBe(130);
    expect(device.state).not.toBe("download");
  });
});

describe("firmware that is fetched over the network", () => {
  /** Cuts the first so many transfers in the middle. */
  async function store(cuts: number) {
    let asked = 0;
    const { archive } = bench.made;
    const server = createServer((_, response: ServerResponse) => {
      response.writeHead(200, { "content-length": archive.length });
      if (asked++ >= cuts) return response.end(archive);
      response.write(archive.subarray(0, archive.length >> 1), () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const blob = `sha256:${"0".repeat(64)}`;
    const place = {
      kind: "oci" as const,
      repository: `127.0.0.1:${port}/firmware`,
      blob,
      tag: "1",
      plainHttp: true as const,
    };
    const flash = () =>
      bench.flash(["--firmware-only", "--dry-run"], {
        script: bench.script({ ...bench.artifact, store: place }),
      });
    return { flash, asked: () => asked, [Symbol.asyncDispose]: async () => void server.close() };
  }

  it("is fetched again when the connection breaks off", async () => {
    await using from = await store(2);
    const ran = await from.flash();
    expect(ran.stderr).toContain("broke off");
    expect(ran.code).toBe(0);
    expect(from.asked()).toBe(3);
  });

  it("is not called damaged when the connection breaks off each time", async () => {
    await using from = await store(99);
    const ran = await from.flash();
    expect(ran.stderr.trimEnd().split("\n").at(-1)).toMatch(/^flash\.sh: The connection to http.* broke off/);
    expect(ran.stderr).not.toContain("damaged");
    expect(ran.code).toBe(4);
    expect(from.asked()).toBe(3);
  });
});
