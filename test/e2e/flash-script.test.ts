// The flash script from one end to the other: real API server, real esptool, virtual boards.
import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  startVirtualDevice,
  type VirtualDeviceOptions,
} from "../../flash/virtual-esp32/start-virtual-device.ts";
import { CONFIG, PARTITIONS, sha256, storeInCluster } from "../flash/flash-script/support/artifact.ts";
import { Bench, CLASS, PASSWORD } from "../flash/flash-script/support/bench.ts";
import { run, SHELLS } from "../flash/flash-script/support/shell.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(() => bench?.close());

let boards = 0;
const board = (options: Partial<VirtualDeviceOptions> = {}) =>
  startVirtualDevice({ chip: "esp32", flash: join(bench.folder, `board-${++boards}.bin`), ...options });

const at = (flash: string, offset: number, size: number) =>
  readFileSync(flash).subarray(offset, offset + size);

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))("under %s", (_, shell) => {
  it("writes firmware and configuration, and says MAC, device and version", async () => {
    await using device = await board();
    const name = `whole-${shell.join("-")}`;
    const image = await bench.device(name);
    const ran = await bench.flash([name, "--port", device.url], { shell });
    expect(ran.stderr).toContain("Done: written, verified and restarted");
    expect(ran.code).toBe(0);
    expect(ran.stdout).toBe(
      [
        `MAC       ${device.mac}`,
        `Device    ${name} (class ${CLASS})`,
        `Firmware  1.0.0 (${bench.artifact.digest})`,
        `Config    sha256:${sha256(image)}`,
        "",
      ].join("\n"),
    );
    for (const { offset, bytes } of bench.made.files) {
      expect(at(device.flash, offset, bytes.length).equals(bytes)).toBe(true);
    }
    expect(at(device.flash, CONFIG.offset, CONFIG.size).equals(image)).toBe(true);
    expect(bench.leftBehind()).toEqual([]);
    expect(ran.stderr + ran.stdout).not.toContain(PASSWORD);
  });
});

describe("flashing one board", () => {
  it("records in the Lease which board it was, what it got, when and by whom", async () => {
    await using device = await board();
    const image = await bench.device("recorded");
    expect((await bench.flash(["recorded", "--port", device.url])).code).toBe(0);
    const lease = await bench.lease("recorded");
    expect(lease.spec.holderIdentity).toBe(device.mac);
    expect(lease.metadata.labels).toEqual({
      "edgeflock.io/cluster": "greenhouse",
      "edgeflock.io/class": CLASS,
      "edgeflock.io/device": "recorded",
      "app.kubernetes.io/managed-by": "edgeflock",
    });
    const who = await bench.api.request<{ status: { userInfo: { username: string } } }>(
      "POST",
      "/apis/authentication.k8s.io/v1/selfsubjectreviews",
      { body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" } },
    );
    expect(lease.metadata.annotations).toEqual({
      "edgeflock.io/mac": device.mac,
      "edgeflock.io/config-digest": `sha256:${sha256(image)}`,
      "edgeflock.io/credential-generation": "1",
      "edgeflock.io/artifact-digest": bench.artifact.digest,
      "edgeflock.io/firmware-version": "1.0.0",
      "edgeflock.io/flashed-at": expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      "edgeflock.io/flashed-by": who.status.userInfo.username,
    });
    expect(JSON.stringify(lease)).not.toContain(PASSWORD);
  });

  it("works through a pipe, as the documentation says", async () => {
    await using device = await board();
    await bench.device("piped");
    await bench.apply({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `${CLASS}-flash`, namespace: bench.namespace },
      data: { "flash.sh": bench.script() },
    });
    const wrapper = `"$EDGEFLOCK_KUBECTL" get configmap ${CLASS}-flash -n ${bench.namespace} -o jsonpath='{.data.flash\\.sh}' | sh -s -- piped --port ${device.url}\n`;
    const ran = await bench.flash([], { script: wrapper });
    expect(ran.stdout).toContain("Device    piped");
    expect(ran.code).toBe(0);
  });

  it("needs no more rights than to read the device and to write its Lease", async () => {
    await using device = await board();
    await bench.device("least");
    const kubeconfig = await bench.person("flasher", [
      { apiGroups: [""], resources: ["configmaps"], verbs: ["get"] },
      { apiGroups: [""], resources: ["secrets"], verbs: ["get"], resourceNames: ["least-device"] },
      {
        apiGroups: ["coordination.k8s.io"],
        resources: ["leases"],
        verbs: ["get", "list", "create", "patch"],
      },
    ]);
    const ran = await bench.flash(["least", "--port", device.url], { kubeconfig });
    expect(ran.stderr).toContain("Done: written");
    const { annotations } = (await bench.lease("least")).metadata;
    expect(annotations?.["edgeflock.io/flashed-by"]).toBe(`system:serviceaccount:${bench.namespace}:flasher`);
  });

  it("finds the port by itself where there is one", async () => {
    await using device = await board({ pty: true });
    await bench.device("found-port");
    const ran = await bench.flash(["found-port"], {
      env: { EDGEFLOCK_PORTS: `${device.url} /dev/no-such-*` },
    });
    expect(ran.stdout).toContain(`MAC       ${device.mac}`);
  });

  it("writes a board at a remote bench, over RFC 2217", async () => {
    await using device = await board({ rfc2217: true });
    const image = await bench.device("remote");
    expect(device.url).toMatch(/^rfc2217:/);
    const ran = await bench.flash(["remote", "--port", device.url]);
    expect(ran.stdout).toContain(`MAC       ${device.mac}`);
    expect(at(device.flash, CONFIG.offset, CONFIG.size).equals(image)).toBe(true);
  });

  it("gives a key that lies in a partition to the board with an encrypted configuration", async () => {
    await using device = await board();
    const keys = new Uint8Array(4096).fill(7);
    await bench.device("encrypted", { keys });
    const ran = await bench.flash(["encrypted", "--port", device.url]);
    expect(ran.stderr).toContain("Done: written");
    expect(at(device.flash, 0x3f6000, 4096).equals(keys)).toBe(true);
  });

  it("refuses a configuration whose key must be burned into eFuses", async () => {
    await bench.device("burned", { keys: new Uint8Array(32).fill(7) });
    const ran = await bench.flash(["burned", "--dry-run"]);
    expect(ran.stderr).toContain("This script burns no eFuses");
    expect(ran.code).toBe(7);
  });
});

describe("--erase", () => {
  it("wipes what the firmware has stored, and without it that stays", async () => {
    await using device = await board();
    await bench.device("wiped");
    const flash = (...more: string[]) => bench.flash(["wiped", "--port", device.url, ...more]);
    expect((await flash()).code).toBe(0);
    const file = openSync(device.flash, "r+");
    writeSync(file, "runtime", 0x9000);
    closeSync(file);
    expect((await flash()).code).toBe(0);
    expect(at(device.flash, 0x9000, 7).toString()).toBe("runtime");
    const erased = await flash("--erase", "--yes");
    expect(erased.code).toBe(0);
    expect(at(device.flash, 0x9000, 7).equals(Buffer.alloc(7, 0xff))).toBe(true);
    expect(at(device.flash, CONFIG.offset, 1)[0]).not.toBe(0xff);
  });
});

describe("--dry-run", () => {
  it("shows offsets, sizes and digests of exactly what would be written, and touches no board and no Lease", async () => {
    const image = await bench.device("dry");
    const ran = await bench.flash(["dry", "--dry-run"], { env: { EDGEFLOCK_ESPTOOL: "false" } });
    expect(ran.code).toBe(0);
    for (const file of bench.artifact.files) {
      const line = ran.stdout
        .split("\n")
        .find((text) => text.includes(`0x${file.offset.toString(16).padStart(6, "0")}`));
      expect(line).toMatch(new RegExp(` ${file.size} bytes  sha256:${file.sha256}  firmware/${file.path}$`));
    }
    expect(ran.stdout).toContain(`0x3f0000     24576 bytes  sha256:${sha256(image)}  config.bin`);
    expect(ran.stdout).toContain("Board     none has been dry so far");
    expect(ran.stdout).toContain("Nothing was written.");
    expect(await bench.leaseOrUndefined("dry")).toBeUndefined();
    expect(bench.leftBehind()).toEqual([]);
  });

  it("tells which board has the device now", async () => {
    await using device = await board();
    await bench.device("dry-again");
    await bench.flash(["dry-again", "--port", device.url]);
    const ran = await bench.flash(["dry-again", "--dry-run", "--config-only"]);
    expect(ran.stdout).toContain(`Board     ${device.mac}, flashed 2`);
    expect(ran.stdout).not.toContain("firmware/");
  });
});

describe("--fetch-only", () => {
  it("puts all files into a folder that only their owner may read, with the command that writes them", async () => {
    await using device = await board();
    const image = await bench.device("fetched");
    const folder = join(bench.folder, "fetched files");
    const ran = await bench.flash(["fetched", "--fetch-only", folder]);
    expect(ran.code).toBe(0);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of await readdir(folder, { recursive: true })) {
      expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
    }
    expect(readFileSync(join(folder, "config.bin")).equals(image)).toBe(true);
    expect(await bench.leaseOrUndefined("fetched")).toBeUndefined();
    // and that command does what it says, from wherever it is called
    const command = ["sh", join(folder, "write.sh"), "--port", device.url, "--baud", "921600"];
    const written = await run(command, { cwd: "/", env: { EDGEFLOCK_ESPTOOL: bench.tools.esptool } });
    expect(written.stderr).toBe("");
    expect(written.code).toBe(0);
    expect(at(device.flash, CONFIG.offset, CONFIG.size).equals(image)).toBe(true);
  });

  it("gives the firmware alone to someone who may read no secret", async () => {
    const kubeconfig = await bench.person("reader", [
      { apiGroups: [""], resources: ["configmaps"], verbs: ["get"] },
    ]);
    const folder = join(bench.folder, "firmware-alone");
    const ran = await bench.flash(["--firmware-only", "--fetch-only", folder], { kubeconfig });
    expect(ran.code).toBe(0);
    expect(existsSync(join(folder, "config.bin"))).toBe(false);
    expect(existsSync(join(folder, "firmware", "app.bin"))).toBe(true);
  });

  it("does not mix its files with others", async () => {
    await bench.device("not-mixed");
    const ran = await bench.flash(["not-mixed", "--fetch-only", bench.folder]);
    expect(ran.stderr).toContain("is not empty");
    expect(ran.code).toBe(2);
  });
});

describe("firmware that was built with a secret", () => {
  it("is fetched from Secrets", async () => {
    const made = bench.make({ version: "3.0.0" });
    const artifact = await storeInCluster(bench.api, bench.namespace, made, { objects: "Secret" });
    const folder = join(bench.folder, "from-secrets");
    const ran = await bench.flash(["--firmware-only", "--fetch-only", folder], {
      script: bench.script(artifact),
    });
    expect(ran.code).toBe(0);
    expect(readFileSync(join(folder, "firmware", "app.bin")).equals(made.files[2]!.bytes)).toBe(true);
  });
});

describe("--firmware-only", () => {
  it("leaves the configuration as it is and notes the new version", async () => {
    await using device = await board();
    const image = await bench.device("renewed");
    expect((await bench.flash(["renewed", "--port", device.url])).code).toBe(0);
    const made = bench.make({ version: "2.0.0", size: 131_072 });
    const newer = await storeInCluster(bench.api, bench.namespace, made);
    const ran = await bench.flash(["renewed", "--port", device.url, "--firmware-only"], {
      script: bench.script(newer),
    });
    expect(ran.code).toBe(0);
    expect(at(device.flash, CONFIG.offset, CONFIG.size).equals(image)).toBe(true);
    expect(at(device.flash, 0x10000, made.files[2]!.bytes.length).equals(made.files[2]!.bytes)).toBe(true);
    expect((await bench.lease("renewed")).metadata.annotations).toMatchObject({
      "edgeflock.io/firmware-version": "2.0.0",
      "edgeflock.io/config-digest": `sha256:${sha256(image)}`,
    });
  });

  it("needs no device and no secret", async () => {
    await using device = await board();
    const kubeconfig = await bench.person("installer", [
      { apiGroups: [""], resources: ["configmaps"], verbs: ["get"] },
    ]);
    const ran = await bench.flash(["--firmware-only", "--port", device.url], { kubeconfig });
    expect(ran.stdout).toBe(`MAC       ${device.mac}\nFirmware  1.0.0 (${bench.artifact.digest})\n`);
    expect(at(device.flash, CONFIG.offset, 4).equals(Buffer.alloc(4, 0xff))).toBe(true);
  });

  it("refuses a board that is another device's", async () => {
    await using first = await board();
    await using second = await board();
    await bench.device("only-mine");
    expect((await bench.flash(["only-mine", "--port", first.url])).code).toBe(0);
    const ran = await bench.flash(["only-mine", "--port", second.url, "--firmware-only"]);
    expect(ran.stderr).toContain(first.mac);
    expect(ran.code).toBe(11);
  });
});

describe("--config-only", () => {
  it("writes nothing to a board that has the configuration already, and only it to one that has an old one", async () => {
    await using device = await board();
    await bench.device("compared");
    expect((await bench.flash(["compared", "--port", device.url])).code).toBe(0);
    const before = readFileSync(device.flash);
    const flashedAt = (await bench.lease("compared")).metadata.annotations?.["edgeflock.io/flashed-at"];
    const same = await bench.flash(["compared", "--port", device.url, "--config-only"]);
    expect(same.stderr).toContain("Done: had it already: nothing was written");
    expect(same.code).toBe(0);
    expect(readFileSync(device.flash).equals(before)).toBe(true);
    expect((await bench.lease("compared")).metadata.annotations?.["edgeflock.io/flashed-at"]).toBe(flashedAt);

    const image = await bench.device("compared", { generation: 2 });
    const changed = await bench.flash(["compared", "--port", device.url, "--config-only"]);
    expect(changed.stderr).toContain("Done: written");
    const after = readFileSync(device.flash);
    expect(after.subarray(CONFIG.offset, CONFIG.offset + CONFIG.size).equals(image)).toBe(true);
    expect(after.subarray(0, CONFIG.offset).equals(before.subarray(0, CONFIG.offset))).toBe(true);
    expect((await bench.lease("compared")).metadata.annotations).toMatchObject({
      "edgeflock.io/config-digest": `sha256:${sha256(image)}`,
      "edgeflock.io/credential-generation": "2",
    });
  });

  it("refuses a board that has no partition table, or one that has the configuration elsewhere", async () => {
    await using device = await board();
    await bench.device("elsewhere");
    const empty = await bench.flash(["elsewhere", "--port", device.url, "--config-only"]);
    expect(empty.stderr).toContain("There is no partition table on this board.");
    expect(empty.code).toBe(9);
    const moved = { ...CONFIG, offset: 0x3e0000 };
    const made = bench.make({
      partitions: PARTITIONS.map((row) => (row.name === "cfg" ? { ...row, offset: moved.offset } : row)),
    });
    const other = { ...(await storeInCluster(bench.api, bench.namespace, made)), config: moved };
    expect(
      (await bench.flash(["--firmware-only", "--port", device.url], { script: bench.script(other) })).code,
    ).toBe(0);
    const ran = await bench.flash(["elsewhere", "--port", device.url, "--config-only"]);
    expect(ran.stderr).toContain('The partition table on this board has "cfg" at 0x3e0000');
    expect(ran.code).toBe(7);
    expect(await bench.leaseOrUndefined("elsewhere")).toBeUndefined();
  });
});

describe("one identity, one board", () => {
  it("refuses a second board and names both, until it is told to replace the first", async () => {
    await using first = await board();
    await using second = await board();
    await bench.device("unique");
    expect((await bench.flash(["unique", "--port", first.url])).code).toBe(0);
    const refused = await bench.flash(["unique", "--port", second.url]);
    expect(refused.code).toBe(11);
    expect(refused.stderr).toContain(`unique is the board ${first.mac}`);
    expect(refused.stderr).toContain(`this board is ${second.mac}`);
    expect(at(second.flash, 0x1000, 4).equals(Buffer.alloc(4, 0xff))).toBe(true);
    const unconfirmed = await bench.flash(["unique", "--port", second.url, "--replace-board"]);
    expect(unconfirmed.code).toBe(2);
    const replaced = await bench.flash(["unique", "--port", second.url, "--replace-board", "--yes"]);
    expect(replaced.code).toBe(0);
    const lease = await bench.lease("unique");
    expect(lease.spec.holderIdentity).toBe(second.mac);
    expect(lease.metadata.annotations?.["edgeflock.io/previous-mac"]).toBe(first.mac);
  });

  it("lets one of two win that are flashed at once", async () => {
    await using first = await board();
    await using second = await board();
    await bench.device("raced");
    const both = await Promise.all([first, second].map(({ url }) => bench.flash(["raced", "--port", url])));
    expect(both.map(({ code }) => code).sort((a, b) => Number(a) - Number(b))).toEqual([0, 11]);
    const winner = both[0]?.code === 0 ? first : second;
    expect((await bench.lease("raced")).spec.holderIdentity).toBe(winner.mac);
  });
});
