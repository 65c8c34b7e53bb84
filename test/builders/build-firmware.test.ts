import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { execa } from "execa";
import { beforeEach, describe, expect, it } from "vitest";
import { unpackArchive } from "../../builders/artifact-archive.ts";
import { buildFirmware, planFirmware } from "../../builders/build-firmware.ts";
import type { FirmwareRequest } from "../../builders/contract.ts";
import { hashSourceTree } from "../../builders/source-tree.ts";
import { quiet } from "../../toolchain/progress.ts";
import { request, soundFirmware, temporaryCache, writeFiles } from "./support.ts";

const place = temporaryCache();
let counter = "";

/** A builder that tells how often it ran, and takes as long as `seconds` says. */
beforeEach(async () => {
  counter = join(place.folder, "count");
  await writeFiles(join(place.folder, "firmware"), soundFirmware());
  await writeFile(
    join(place.folder, "firmware", "build.sh"),
    `#!/bin/sh\necho x >> "$COUNTER"\nsleep "$1"\ncp input/source/*.bin input/source/*.json output/\n`,
    { mode: 0o755 },
  );
});
const asked = (seconds = "0", changes: Partial<FirmwareRequest> = {}): FirmwareRequest => ({
  ...request(place.folder, {
    name: "command",
    source: "firmware",
    args: { command: ["./build.sh", seconds], environment: { COUNTER: counter } },
  }),
  ...changes,
});
const builds = async (): Promise<number> => {
  const text = await readFile(counter, "utf8").catch(() => "");
  return text.split("x").length - 1;
};

const LOCK = `version = 4
[[package]]
name = "camera"
version = "0.1.0"

[[package]]
name = "esp-hal"
version = "1.2.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "${"ab".repeat(32)}"
`;
const filesBelow = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
const gunzipped = (bytes: Buffer): Buffer => {
  try {
    return gunzipSync(bytes);
  } catch {
    return Buffer.alloc(0);
  }
};

describe("building firmware", () => {
  it("runs the builder once for one hash, and says so in plans", async () => {
    expect((await planFirmware(asked())).cached).toBe(false);
    const first = await buildFirmware(asked());
    expect(first).toMatchObject({ built: true, artifact: { chip: "esp32", version: "1.0.0" } });
    expect(await planFirmware(asked())).toMatchObject({ cached: true, hash: first.contentHash });
    const second = await buildFirmware(asked());
    expect(second.built).toBe(false);
    expect(second.artifact).toEqual(first.artifact);
    expect(await builds()).toBe(1);
  });

  it("builds again when an input changes", async () => {
    await buildFirmware(asked());
    await writeFile(join(place.folder, "firmware", "notes"), "changed");
    expect((await planFirmware(asked())).cached).toBe(false);
    await buildFirmware(asked());
    expect(await builds()).toBe(2);
  });

  it("builds again when the cached artefact is damaged or gone", async () => {
    const { artifact } = await buildFirmware(asked());
    const file = join(place.cache, "firmware/by-digest", `${artifact.digest.replace(":", "-")}.tar.gz`);
    const bytes = await readFile(file);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(file, bytes);
    expect((await buildFirmware(asked())).built).toBe(true);
    await writeFile(file, "");
    expect((await buildFirmware(asked())).built).toBe(true);
    expect((await buildFirmware(asked())).built).toBe(false);
  });

  it("waits for another build of the same hash, in this process and in others", async () => {
    const said: string[] = [];
    const progress = { ...quiet, say: (line: string) => void said.push(line) };
    const module = new URL("../../builders/build-firmware.ts", import.meta.url).href;
    const source = `
      import { buildFirmware } from ${JSON.stringify(module)};
      const { built } = await buildFirmware(${JSON.stringify(asked("1"))});
      console.log(built);`;
    const other = spawn(process.execPath, ["--input-type=module-typescript", "-e", source], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const said_ = once(other.stdout, "data") as Promise<[Buffer]>;
    const here = await Promise.all([1, 2, 3].map(() => buildFirmware(asked("1"), { progress })));
    const there = (await said_)[0].toString().trim() === "true";
    expect([...here.map(({ built }) => built), there].filter((built) => built)).toHaveLength(1);
    expect(await builds()).toBe(1);
    expect(said.length).toBeGreaterThanOrEqual(2);
  });

  it("marks what was built with a secret, keeps it encrypted, and builds it once for its stack alone", async () => {
    const secrets = { "ota.token": "hunter2-hunter2" };
    const reading = asked("0", { secrets });
    reading.builder.args = {
      command: [
        "sh",
        "-c",
        'echo x >> "$COUNTER"; cp input/source/*.bin input/source/*.json output/; cat input/secrets/ota.token >> output/app.bin; cat input/secrets/ota.token',
      ],
      environment: { COUNTER: counter },
    };
    const mine = { secretKey: "fleet" };
    const first = await buildFirmware(reading, mine);
    expect(first.artifact.secretBearing).toBe(true);
    expect(first.record).toMatchObject({ secretBearing: true, log: "•••" });
    expect(await planFirmware(reading, mine)).toMatchObject({ cached: true });
    const second = await buildFirmware(reading, mine);
    expect(second).toMatchObject({ built: false, artifact: first.artifact });
    expect(Buffer.from(second.archive).equals(first.archive)).toBe(true);
    expect(await builds()).toBe(1);
    for (const name of await filesBelow(place.cache)) {
      const bytes = await readFile(name);
      for (const text of [secrets["ota.token"], "flasher_args"]) {
        const seen = bytes.includes(text) || gunzipped(bytes).includes(text);
        if (seen && !name.includes("/by-hash/")) throw new Error(`${name} holds ${text} in the clear`);
      }
    }
    // another stack: another key
    expect((await planFirmware(reading, { secretKey: "other" })).cached).toBe(false);
    expect((await buildFirmware(reading, { secretKey: "other" })).built).toBe(true);
    // another value
    const changed = { ...reading, secrets: { "ota.token": "hunter3-hunter3" } };
    expect((await planFirmware(changed, mine)).cached).toBe(false);
    expect(await readdir(join(place.cache, "work"))).toEqual([]);
  });

  it("takes what others built, unless it reads a secret; what is wrong there does not count", async () => {
    const built = await buildFirmware(asked());
    const hashes: string[] = [];
    const shared = {
      findBuild: (hash: string) => {
        hashes.push(hash);
        return Promise.resolve({ archive: built.archive, record: built.record });
      },
    };
    await rm(join(place.cache, "firmware"), { recursive: true });
    const found = await buildFirmware(asked(), { shared });
    expect(found).toMatchObject({ built: false, artifact: built.artifact, record: built.record });
    expect(hashes).toEqual([built.contentHash]);
    expect((await planFirmware(asked())).cached).toBe(true);
    expect(await builds()).toBe(1);
    const secrets = { "ota.token": "hunter2-hunter2" };
    expect((await buildFirmware(asked("0", { secrets }), { shared, secretKey: "k" })).built).toBe(true);
    expect(hashes).toHaveLength(1);
  });

  it("says what it is: bill of materials inside, and beside it provenance, log and the source's version", async () => {
    const source = join(place.folder, "firmware");
    await writeFile(join(source, "Cargo.lock"), LOCK);
    const git = (...args: string[]) =>
      execa("git", ["-C", source, "-c", "user.name=t", "-c", "user.email=t@example.com", ...args]);
    await git("init", "-q");
    await git("add", ".");
    await git("commit", "-qm", "one");
    await git("tag", "v1.4");
    await writeFile(join(source, "notes"), "more");
    const asking = asked();
    asking.builder.args = {
      ...asking.builder.args,
      command: ["sh", "-c", "echo compiling; ./input/source/build.sh 0"],
    };
    const { artifact, archive, record, contentHash } = await buildFirmware(asking);
    const bom = JSON.parse(Buffer.from(unpackArchive(archive).get("sbom.cdx.json")!).toString());
    expect(bom.metadata.component).toMatchObject({ type: "firmware", name: "sample", version: "1.0.0" });
    expect(bom.components).toContainEqual(
      expect.objectContaining({ type: "library", purl: "pkg:cargo/esp-hal@1.2.0", version: "1.2.0" }),
    );
    const commit = (await git("rev-parse", "HEAD")).stdout;
    expect(record).toMatchObject({
      digest: artifact.digest,
      contentHash,
      log: "compiling",
      source: { commit, describe: "v1.4-dirty", dirty: true },
    });
    const { subject, predicate } = record.provenance;
    expect(subject).toContainEqual({ name: "firmware.tar", digest: { sha256: artifact.digest.slice(7) } });
    for (const { path, sha256 } of artifact.files)
      expect(subject).toContainEqual({ name: path, digest: { sha256 } });
    expect(predicate.buildDefinition.resolvedDependencies).toEqual([
      { name: "source", digest: { sha256: await hashSourceTree(source), gitCommit: commit } },
      { name: "esp-hal", uri: "pkg:cargo/esp-hal@1.2.0", digest: { sha256: "ab".repeat(32) } },
    ]);
    const named = asked();
    named.builder.args = { ...asking.builder.args, toolchain: "gcc 14" };
    const { provenance } = (await buildFirmware(named)).record;
    expect(provenance.predicate.buildDefinition.resolvedDependencies).toContainEqual({
      ...{ name: "toolchain", uri: "urn:edgeflock:toolchain:gcc%2014", annotations: { version: "gcc 14" } },
    });
  });

  it("that fails or makes unusable firmware leaves nothing in cache or work folder", async () => {
    const failing = asked();
    failing.builder.args = { command: ["sh", "-c", "echo broken; exit 3"] };
    await expect(buildFirmware(failing)).rejects.toThrow(/failed with exit code 3.\n {2}broken/);
    const empty = asked();
    empty.builder.args = { command: ["true"] };
    await expect(buildFirmware(empty)).rejects.toThrow("the builder left no flasher_args.json");
    await expect(buildFirmware(asked("0", { chip: "esp32c3" }))).rejects.toThrow(
      "it is for esp32, the class for esp32c3",
    );
    const hashes = join(place.cache, "firmware/by-hash");
    expect(existsSync(hashes) ? await readdir(hashes) : []).toEqual([]);
    expect(await readdir(join(place.cache, "work"))).toEqual([]);
  });

  it("is cancelled by its signal, while it runs and while it waits", async () => {
    const controller = new AbortController();
    const running = [1, 2].map(() => buildFirmware(asked("1000"), { signal: controller.signal }));
    const outcome = Promise.allSettled(running);
    while ((await builds()) === 0) await sleep(20);
    controller.abort();
    for (const result of await outcome) {
      expect(result).toMatchObject({ status: "rejected", reason: { exitCode: 130 } });
    }
    expect(await readdir(join(place.cache, "work"))).toEqual([]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "is stopped, and leaves nothing, when its process gets %s",
    async (signal) => {
      const module = new URL("../../builders/build-firmware.ts", import.meta.url).href;
      const source = `
      import { buildFirmware } from ${JSON.stringify(module)};
      await buildFirmware(${JSON.stringify(asked("1000"))});`;
      const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", source], {
        stdio: "ignore",
      });
      const ended = once(child, "exit");
      while ((await builds()) === 0) await sleep(20);
      child.kill(signal);
      const [code] = (await ended) as [number | null];
      expect(code).not.toBe(0);
      expect(await readdir(join(place.cache, "work"))).toEqual([]);
    },
  );

  it("names the builders there are when one is misspelt, and every wrong argument", async () => {
    await expect(planFirmware(asked("0", { builder: { name: "natve" } }))).rejects.toThrow(
      'did you mean "native"?',
    );
    const wrong = asked("0", {
      builder: { name: "command", args: { command: [], timeLimitMinutes: -1, x: 1 } },
    });
    const message = await planFirmware(wrong).catch((error: Error) => error.message);
    expect(message).toContain("spec.firmware.builder.args.command: must name a program");
    expect(message).toContain("spec.firmware.builder.args.timeLimitMinutes");
    expect(message).toContain('"x"');
  });

  it("says when the builder's script is not in its source folder", async () => {
    const missing = asked();
    missing.builder.args = { command: ["./gone.sh"] };
    await expect(planFirmware(missing)).rejects.toThrow("./gone.sh is not in its source folder");
  });

  it("does not let a class set variables of the loader or of Pulumi", async () => {
    const sly = asked();
    sly.builder.args = { command: ["true"], environment: { LD_PRELOAD: "x" } };
    await expect(planFirmware(sly)).rejects.toThrow("belongs to Edgeflock, Pulumi or the system's loader");
  });
});
