// What can go wrong at a bench, one after the other: real API server, real esptool, virtual boards.
// Each ends in one sentence and a documented exit code, leaves nothing behind, and a second run mends it.

import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  startVirtualDevice,
  type VirtualDeviceOptions,
} from "../../flash/virtual-esp32/start-virtual-device.ts";
import { CONFIG, PARTITIONS, storeInCluster } from "../flash/flash-script/support/artifact.ts";
import { Bench, CLASS, PASSWORD } from "../flash/flash-script/support/bench.ts";
import { type Ran, run } from "../flash/flash-script/support/shell.ts";

/** Only who is root, or may become it in a namespace of their own, can make a small disk. */
const canMount = (await run(["unshare", "-rm", "true"]).catch(() => ({ code: 1 }))).code === 0;

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
  await bench.device("cam-001");
  await bench.device("cam-002");
});
afterAll(() => bench?.close());
afterEach(() => expect(bench.leftBehind()).toEqual([]));

let boards = 0;
const board = (options: Partial<VirtualDeviceOptions> = {}) =>
  startVirtualDevice({ chip: "esp32", flash: join(bench.folder, `board-${++boards}.bin`), ...options });

/** The one line that a person reads last, and the exit code. */
function expectFailure(ran: Ran, code: number, ...words: (string | RegExp)[]): void {
  const last = ran.stderr.trimEnd().split("\n").at(-1) as string;
  expect(last).toMatch(/^flash\.sh: /);
  for (const word of words) expect(last).toMatch(word);
  expect(ran.code).toBe(code);
  expect(ran.stdout).toBe("");
  expect(ran.stderr).not.toContain(PASSWORD);
  expect(ran.stderr).not.toContain("Traceback");
}

const isErased = (flash: string) => readFileSync(flash).every((byte) => byte === 0xff);

describe("the port", () => {
  it("there is none", async () => {
    const ran = await bench.flash(["cam-001"], { env: { EDGEFLOCK_PORTS: join(bench.folder, "tty*") } });
    expectFailure(ran, 8, "No board is plugged in", "--port");
  });

  it("there are two candidates, which are named", async () => {
    const ports = ["ttyUSB0", "ttyUSB1"].map((name) => join(bench.folder, name));
    for (const port of ports) writeFileSync(port, "");
    const ran = await bench.flash(["cam-001"], {
      env: { EDGEFLOCK_PORTS: `${join(bench.folder, "ttyU*")} ${ports[0]}` },
    });
    expectFailure(ran, 8, "There are 2 ports", ...ports, "Say which with --port");
  });

  it("does not exist", async () => {
    const ran = await bench.flash(["cam-001", "--port", join(bench.folder, "no-port")]);
    expectFailure(ran, 8, "cannot be opened", "Is the board plugged in");
  });

  it("is busy", async () => {
    await using device = await board({ pty: true });
    // what a serial monitor does
    const holder =
      "import fcntl,os,sys; f=os.open(sys.argv[1],os.O_RDWR|os.O_NOCTTY); fcntl.flock(f,fcntl.LOCK_EX); print('held',flush=True); sys.stdin.read()";
    const monitor = spawn("python3", ["-c", holder, device.url]);
    try {
      await new Promise((resolve) => monitor.stdout.once("data", resolve));
      expectFailure(await bench.flash(["cam-001", "--port", device.url]), 8, "is busy", "serial monitor");
    } finally {
      monitor.stdin.end();
    }
  });

  it("has something on it that is no board", async () => {
    const server = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const ran = await bench.flash(["cam-001", "--port", `socket://127.0.0.1:${port}`]);
    server.close();
    expectFailure(ran, 9, "does not answer", "BOOT button");
  });
});

describe("the board", () => {
  it("has another chip", async () => {
    await using device = await board({ chip: "esp32c3" });
    const ran = await bench.flash(["cam-001", "--port", device.url]);
    expectFailure(ran, 9, "has a chip esp32c3, class esp32-cam is for esp32");
    expect(isErased(device.flash)).toBe(true);
    expect(await bench.leaseOrUndefined("cam-001")).toBeUndefined();
  });

  it("has too little flash", async () => {
    await using device = await board({ flashSize: "2MB" });
    const ran = await bench.flash(["cam-001", "--port", device.url]);
    expectFailure(ran, 9, "has 2MB of flash", "needs 4096 KB");
    expect(isErased(device.flash)).toBe(true);
  });

  it("has a flash that does not keep what is written", async () => {
    await using device = await board({ faults: ["wrong-md5"] });
    await bench.device("worn");
    const ran = await bench.flash(["worn", "--port", device.url]);
    expectFailure(ran, 10, "is not what was written", /[Rr]un the same command again/);
  });

  it.each([0.1, 0.5, 0.9])(
    "has its cable pulled at %d of the way, and is mended by a second run",
    async (part) => {
      const total = bench.made.files.reduce((sum, { bytes }) => sum + bytes.length, CONFIG.size);
      const name = `pulled-${part * 10}`;
      const image = await bench.device(name);
      const flash = join(bench.folder, `${name}.bin`);
      const pulled = await board({ flash, faults: [{ kind: "cut", at: Math.round(total * part) }] });
      // out it stays: esptool itself mends a cable that is plugged in again at once
      const out = pulled.waitFor(/cable was pulled/, { timeoutMs: 60_000 }).then(() => pulled.stop());
      const ran = await bench.flash([name, "--port", pulled.url]);
      await out;
      expectFailure(ran, 10, "broke off", "run the same command again");
      expect(bench.leftBehind()).toEqual([]);
      await using device = await board({ flash });
      const again = await bench.flash([name, "--port", device.url]);
      expect(again.code).toBe(0);
      const written = readFileSync(flash);
      for (const { offset, bytes } of bench.made.files) {
        expect(written.subarray(offset, offset + bytes.length).equals(bytes)).toBe(true);
      }
      expect(written.subarray(CONFIG.offset, CONFIG.offset + CONFIG.size).equals(image)).toBe(true);
      expect((await bench.lease(name)).spec.holderIdentity).toBe(device.mac);
    },
  );
});

describe("the firmware", () => {
  const dryRun = async (made: Parameters<typeof storeInCluster>[2], change: object = {}) => {
    const artifact = { ...(await storeInCluster(bench.api, bench.namespace, made)), ...change };
    return bench.flash(["cam-001", "--dry-run"], { script: bench.script(artifact) });
  };

  it("is no longer in the cluster", async () => {
    const gone = {
      ...bench.artifact,
      store: { kind: "cluster" as const, namespace: bench.namespace, parts: ["artifact-gone"] },
    };
    const ran = await bench.flash(["cam-001", "--dry-run"], { script: bench.script(gone) });
    expectFailure(ran, 7, "no longer in the cluster", "artifact-gone", "ConfigMap esp32-cam-flash");
  });

  it("is no longer in its folder, or is there", async () => {
    const path = join(bench.folder, "it's an artifact.tar.gz");
    const artifact = { ...bench.artifact, store: { kind: "directory" as const, path } };
    const script = bench.script(artifact);
    expectFailure(
      await bench.flash(["cam-001", "--dry-run"], { script }),
      7,
      "it's an artifact.tar.gz",
      "mounted",
    );
    writeFileSync(path, bench.made.archive);
    expect((await bench.flash(["cam-001", "--dry-run"], { script })).code).toBe(0);
  });

  it("is damaged in one bit, cut, or not even compressed", async () => {
    const made = bench.make({ version: "1.0.1" });
    const flipped = Buffer.from(made.archive);
    flipped[flipped.length >> 1]! ^= 1;
    for (const archive of [
      flipped,
      made.archive.subarray(0, -100),
      Buffer.from("no archive"),
      gzipSync("another"),
    ]) {
      expectFailure(await dryRun({ ...made, archive }), 7, "is damaged", "pulumi up");
    }
  });

  it("has a file that is not the one that was listed", async () => {
    const made = bench.make({ version: "1.0.2", tamper: (files) => (files["app.bin"]![5000]! ^= 1) });
    expectFailure(await dryRun(made), 7, "app.bin is not what was built");
  });

  it("was built for another chip", async () => {
    const made = bench.make({ version: "1.0.3", imageChip: "esp32c3" });
    expectFailure(await dryRun(made), 7, "was not built for a chip esp32");
  });

  it("has a partition table with the configuration elsewhere, of another size, or without it", async () => {
    const table = (change: (row: (typeof PARTITIONS)[0]) => (typeof PARTITIONS)[0][]) =>
      PARTITIONS.flatMap((row) => (row.name === "cfg" ? change(row) : [row]));
    const moved = bench.make({
      version: "1.1",
      partitions: table((row) => [{ ...row, offset: 0x3e0000 }]),
    });
    expectFailure(
      await dryRun(moved),
      7,
      'has "cfg" at 0x3e0000 with 24576 bytes, the class at 0x3f0000 with 24576',
    );
    const smaller = bench.make({
      version: "1.2",
      partitions: table((row) => [{ ...row, size: 0x3000 }]),
    });
    expectFailure(await dryRun(smaller), 7, "with 12288 bytes, the class at");
    const without = bench.make({ version: "1.3", partitions: table(() => []) });
    expectFailure(await dryRun(without), 7, 'has no partition "cfg"');
  });

  it("would overwrite the configuration", async () => {
    const config = { label: "cfg", offset: 0x20000, size: 0x6000 };
    const made = bench.make({
      version: "1.4",
      partitions: PARTITIONS.map((row) => (row.name === "cfg" ? { ...row, offset: 0x20000 } : row)),
    });
    expectFailure(
      await dryRun(made, { config }),
      7,
      "app.bin at 0x010000 would overwrite the configuration at 0x020000",
    );
  });
});

describe("the configuration", () => {
  it("was changed after it was made", async () => {
    await bench.device("tampered", { tamper: (image) => (image[200]! ^= 1) });
    expectFailure(await bench.flash(["tampered", "--dry-run"]), 7, "its digest is not sha256:");
  });

  it("is that of another device", async () => {
    await bench.device("swapped", { inside: "cam-002" });
    expectFailure(await bench.flash(["swapped", "--dry-run"]), 6, 'is the one of device "cam-002"');
  });

  it("has another size than its partition", async () => {
    await bench.device("larger", { size: 0x7000 });
    expectFailure(
      await bench.flash(["larger", "--dry-run"]),
      7,
      'has 28672 bytes, partition "cfg" has 24576',
    );
  });

  it("is not there yet", async () => {
    await bench.apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: "unmade-device",
        namespace: bench.namespace,
        labels: {
          "edgeflock.io/cluster": "greenhouse",
          "edgeflock.io/class": CLASS,
          "edgeflock.io/device": "unmade",
        },
      },
    });
    expectFailure(await bench.flash(["unmade", "--dry-run"]), 7, "holds no configuration yet", "pulumi up");
  });
});

describe("the device", () => {
  it("is unknown: those of the class are named, the likeliest first", async () => {
    const ran = await bench.flash(["cam-01", "--dry-run"]);
    expectFailure(ran, 6, 'no device "cam-01"', "Devices of class esp32-cam: cam-001 cam-002 ");
  });

  it("is of another class, and its script is named", async () => {
    await bench.device("valve-1", { className: "valve" });
    expectFailure(
      await bench.flash(["valve-1", "--dry-run"]),
      6,
      'is a device of class "valve"',
      "ConfigMap valve-flash",
    );
  });
});

describe("the cluster", () => {
  it("cannot be reached", async () => {
    const kubeconfig = join(bench.folder, "nowhere.kubeconfig");
    const cluster = { server: "https://127.0.0.1:9", "insecure-skip-tls-verify": true };
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "c", cluster }],
        users: [{ name: "u", user: { token: "t" } }],
        contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
        "current-context": "c",
      }),
    );
    expectFailure(
      await bench.flash(["cam-001", "--dry-run"], { kubeconfig }),
      4,
      "cannot be reached",
      "network or VPN",
    );
  });

  it("is another one", async () => {
    const script = bench.script().replace(bench.clusterUid, "00000000-0000-0000-0000-000000000000");
    expectFailure(
      await bench.flash(["cam-001", "--dry-run"], { script }),
      4,
      "another cluster than the one of greenhouse",
    );
  });

  it("has no such context, or no such file", async () => {
    expectFailure(
      await bench.flash(["cam-001", "--dry-run", "--context", "elsewhere"]),
      4,
      'no kube-context "elsewhere"',
    );
    expectFailure(
      await bench.flash(["cam-001", "--dry-run", "--kubeconfig", "/no/file"]),
      4,
      "no access to a cluster",
      "--kubeconfig",
    );
  });

  it("does not know the person", async () => {
    const kubeconfig = await bench.person("stranger", []);
    writeFileSync(kubeconfig, readFileSync(kubeconfig, "utf8").replace(/"token":"[^"]*"/, '"token":"wrong"'));
    expectFailure(
      await bench.flash(["cam-001", "--dry-run"], { kubeconfig }),
      4,
      "does not know who you are",
    );
  });

  it("does not let the person read the Secret: the right is named", async () => {
    const kubeconfig = await bench.person("curious", [
      { apiGroups: [""], resources: ["configmaps"], verbs: ["get"] },
    ]);
    const ran = await bench.flash(["cam-001", "--dry-run"], { kubeconfig });
    expectFailure(
      ran,
      5,
      `You may not get secret "cam-001-device" in namespace "${bench.namespace}"`,
      "kubectl auth can-i get secret/cam-001-device",
    );
  });

  it("does not let the person take the device: the board stays as it is", async () => {
    await using device = await board();
    await bench.device("unwritable");
    const kubeconfig = await bench.person("reading-only", [
      { apiGroups: [""], resources: ["configmaps", "secrets"], verbs: ["get"] },
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "list"] },
    ]);
    const ran = await bench.flash(["unwritable", "--port", device.url], { kubeconfig });
    expectFailure(ran, 5, 'You may not create lease "unwritable-board"');
    expect(isErased(device.flash)).toBe(true);
  });
});

describe("this computer", () => {
  it("has no esptool, or no kubectl", async () => {
    expectFailure(
      await bench.flash(["cam-001"], { env: { EDGEFLOCK_ESPTOOL: "no-such-esptool" } }),
      3,
      "esptool was not found",
      "pip install 'esptool>=5'",
    );
    expectFailure(
      await bench.flash(["cam-001", "--dry-run"], { env: { EDGEFLOCK_KUBECTL: "no-such-kubectl" } }),
      3,
      "kubectl was not found",
    );
  });

  it("has an esptool that is too old, or none at all behind that name", async () => {
    await using device = await board();
    const folder = join(bench.folder, "old tools");
    mkdirSync(folder);
    const old = join(folder, "esptool");
    // what esptool 4.8.1 does with a command that it does not know
    writeFileSync(
      old,
      '#!/bin/sh\ncase "$*" in version) echo "esptool.py v4.8.1"; echo 4.8.1;; *) echo "esptool: error: argument operation: invalid choice" >&2; exit 2;; esac\n',
    );
    chmodSync(old, 0o755);
    expectFailure(
      await bench.flash(["cam-001", "--port", device.url], { env: { EDGEFLOCK_ESPTOOL: old } }),
      3,
      "esptool 4.8.1 is too old",
      "pip install",
    );
    expectFailure(
      await bench.flash(["cam-001", "--port", device.url], { env: { EDGEFLOCK_ESPTOOL: "false" } }),
      3,
      "is not an esptool that works",
    );
  });

  it("has no temporary folder", async () => {
    const ran = await bench.flash(["cam-001", "--dry-run"], { env: { TMPDIR: "/no/such/folder" } });
    expectFailure(ran, 12, "No temporary folder can be made in /no/such/folder");
  });

  it.skipIf(!canMount).each([16, 64, 400, 560])("has a full disk with %d KiB left", async (kibibytes) => {
    const disk = join(bench.folder, `disk-${kibibytes}`);
    mkdirSync(disk);
    const script = join(bench.folder, "full.sh");
    writeFileSync(script, bench.script());
    const command = `mount -t tmpfs -o size=${kibibytes}k tmpfs "$1" && TMPDIR=$1 sh "$2" cam-001 --dry-run; code=$?; ls -A "$1" >&2; exit $code`;
    const ran = await run(["unshare", "-rm", "sh", "-c", command, "sh", disk, script], {
      env: { KUBECONFIG: bench.tools.kubeconfig, EDGEFLOCK_KUBECTL: bench.tools.kubectl },
    });
    expectFailure(ran, 12, "no room left", "TMPDIR");
  });
});

describe("the person", () => {
  const stopped = (name: string, url: string, when: RegExp, signal: NodeJS.Signals) => {
    let sent = false;
    return bench.flash([name, "--port", url, "--baud", "115200"], {
      onStderr: (text, kill) => {
        if (sent || !when.test(text)) return;
        sent = true;
        kill(signal);
      },
    });
  };

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)(
    "stops it with %s while the board is written, and a second run mends it",
    async (signal, code) => {
      const name = `stopped-${code}`;
      await bench.device(name);
      const flash = join(bench.folder, `${name}.bin`);
      await using device = await board({ flash, faults: ["slow@5"], baudPacing: 921_600 });
      const ran = await stopped(name, device.url, /writing 0x/, signal);
      expectFailure(ran, code, "Stopped while the board was being written", "Run the same command again");
      expect(bench.leftBehind()).toEqual([]);
      expect((await bench.flash([name, "--port", device.url])).code).toBe(0);
    },
  );

  it("stops it before anything is written, and is told so", async () => {
    await bench.device("stopped-early");
    await using device = await board({ faults: ["slow@100"] });
    const ran = await stopped("stopped-early", device.url, /Asking the board/, "SIGINT");
    expectFailure(ran, 130, "Stopped. Nothing was written to the board.");
    expect(isErased(device.flash)).toBe(true);
  });

  it("kills it so that it cannot clean up: the next run does", async () => {
    await bench.device("killed");
    await using device = await board({ faults: ["slow@5"], baudPacing: 921_600 });
    const ran = await stopped("killed", device.url, /writing 0x/, "SIGKILL");
    expect(ran.code).toBe(null);
    expect(bench.leftBehind()).toHaveLength(1);
    expect((await bench.flash(["killed", "--dry-run"])).code).toBe(0);
    expect(bench.leftBehind()).toEqual([]);
  });
});
