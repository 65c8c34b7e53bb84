// The images of builders, made from their Containerfiles and run by the container executor.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAppImage } from "../../../builders/app-image.ts";
import { unpackArchive } from "../../../builders/artifact-archive.ts";
import { buildFirmware } from "../../../builders/build-firmware.ts";
import { splitSecrets } from "../../../builders/config/contract.ts";
import { ContainerExecutor } from "../../../builders/executors/container.ts";
import { buildBuilderImage } from "../../../builders/images/build-image.ts";
import { hostExecutable } from "../../../builders/native/host-executable.ts";
import { decodeNvs } from "../../../builders/nvs/decode.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";
import { SBOM } from "../../../builders/sbom.ts";
import { WorkFolder } from "../../../builders/work-folder.ts";
import type { VisibleError } from "../../../model/visible-error.ts";
import { PLATFORMIO } from "../../../toolchain/versions.ts";
import { cluster, device, deviceClass } from "../manifests.ts";
import { TestProject } from "../test-project.ts";
import { baseEngine, debianBase, removeImages } from "./support/debian-base.ts";

const engine = baseEngine;
const made: string[] = [];
let base = "";
let baseImage: AsyncDisposable | undefined;

describe.skipIf(!engine)("an image of a builder", () => {
  beforeAll(async () => {
    const debian = await debianBase(["g++", "libstdc++6", "python3", "python3-venv", "git"]);
    [base, baseImage] = [debian.image, debian];
  }, 1_200_000);
  afterAll(async () => {
    removeImages(made);
    await baseImage?.[Symbol.asyncDispose]();
  });

  it("nvs makes the same configuration image as the provider of devices does", async () => {
    const image = await buildBuilderImage("nvs", { engine: engine!, base });
    made.push(image);
    const entries = [
      { namespace: "edgeflock", key: "device", type: "string", value: "cam-001", secret: false },
      { namespace: "mqtt", key: "port", type: "u16", value: "8883", secret: false },
      { namespace: "wifi", key: "password", type: "string", value: "hunter2-hunter2", secret: true },
    ] as const;
    const { settings, secrets } = splitSecrets(0x6000, entries);
    const work = await WorkFolder.create({ args: {}, classFacts: {}, secrets, settings: settings as never });
    try {
      expect(await readFile(join(work.path, "input", "settings.json"), "utf8")).not.toContain("hunter2");
      await new ContainerExecutor().run(
        {
          ...{ name: "configuration builder", command: [], environment: {}, timeLimit: 300_000 },
          ...{ masked: Object.values(secrets), work, container: { image } },
        },
        {},
      );
      const rows = entries.map(({ namespace, key, type, value }) => ({
        ...{ namespace, key, type },
        value: type === "u16" ? Number(value) : value,
      }));
      const expected = Buffer.from(generateNvs(rows as never, { size: 0x6000 }));
      expect((await readFile(join(work.output, "config.bin"))).equals(expected)).toBe(true);
      expect(await readFile(join(work.output, "config.csv"), "utf8")).toContain("port,data,u16,8883");
    } finally {
      await work.remove();
    }
  });

  it("nvs makes the images of a class's devices in an update: the same that Edgeflock makes itself", async () => {
    const image = await buildBuilderImage("nvs", { engine: engine!, base });
    await using project = await TestProject.create(undefined, undefined, { WIFI: "hunter2-hunter2" });
    const builder = { name: "image", image, memory: "512m" };
    const fleet = (config: object) => [
      cluster(project.id, { secrets: { "wifi.password": { fromEnv: "WIFI" } } }),
      deviceClass("node", { config }),
      ...["a", "b", "c"].map((name) => device(name, "north")),
    ];
    const images = async () => {
      const secrets = ["a", "b", "c"].map((name) => project.secret(project.id, `${name}-device`));
      return (await Promise.all(secrets)).map((secret) => secret!["config.bin"]!);
    };
    await project.manifests(fleet({ builder }));
    await project.up();
    const made = await images();
    expect(decodeNvs(made[1]!).entries).toContainEqual(
      expect.objectContaining({ namespace: "wifi", key: "password", value: "hunter2-hunter2" }),
    );
    expect(await project.up()).toEqual({});
    await project.manifests(fleet({}));
    expect(await project.up()).toMatchObject({ update: 3 });
    expect(await images()).toEqual(made);
  });

  it("native makes firmware without a network: the same as on this machine, where the compiler is the same", async () => {
    const image = await buildBuilderImage("native", { engine: engine!, base });
    made.push(image);
    const request = {
      ...{ builder: { name: "native", args: { version: "1.2.3" } }, chip: "esp32", projectFolder: "/" },
      ...{ config: { label: "cfg", size: 0x6000 }, container: { image } },
    };
    await usingOwnCache(async () => {
      const started = Date.now();
      const built = await buildFirmware(request);
      console.log(`native in a container: ${((Date.now() - started) / 1000).toFixed(1)} s`);
      expect(built).toMatchObject({ built: true, artifact: { version: "1.2.3", chip: "esp32" } });
      const files = unpackArchive(built.archive);
      expect(Buffer.from(files.get(SBOM)!).toString()).toContain('"name": "mbedtls"');
      expect(boot(files)).toMatchObject({
        status: 3,
        stdout: expect.stringContaining("firmware 1.2.3 for esp32"),
      });
      expect((await buildFirmware(request)).built).toBe(false);
      const again = await usingOwnCache(() => buildFirmware(request));
      expect(again).toMatchObject({ built: true, artifact: { digest: built.artifact.digest } });
    });
  });

  it("esp32 has PlatformIO, of wheels that were fetched by hash, and says what is wrong where it has no compilers", async () => {
    const image = await buildBuilderImage("esp32", { engine: engine!, base, args: { PLATFORM: "" } });
    made.push(image);
    const words = [
      "run",
      "--rm",
      "--network",
      "none",
      "--ulimit",
      "nofile=4096:4096",
      "--ulimit",
      "nproc=4096:4096",
    ];
    const said = spawnSync(engine!.command, [...words, "--entrypoint", "pio", image, "--version"], {
      encoding: "utf8",
    });
    expect(said.stdout).toContain(`version ${PLATFORMIO}`);
    const request = {
      ...{ builder: { name: "esp32", args: { board: "esp32dev" } }, chip: "esp32", projectFolder: "/" },
      ...{ config: { label: "cfg", size: 0x6000 }, container: { image } },
    };
    const error = await usingOwnCache(() =>
      buildFirmware(request).catch((caught: unknown) => caught as Error),
    );
    expect((error as Error).message).toMatch(/firmware builder "esp32" failed with exit code 1/);
    expect((error as Error).message).toContain("Platform Manager: Installing espressif32 @ 6.12.0");
    expect((error as VisibleError).hint).toContain("spec.firmware.container.network");
  });

  it("job-steps holds the steps of a builder's Job, and git", async () => {
    const image = await buildBuilderImage("job-steps", { engine: engine!, base });
    made.push(image);
    const run = (...words: string[]) => {
      const limits = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--network", "none"];
      return spawnSync(engine!.command, ["run", "--rm", ...limits, ...words], { encoding: "utf8" });
    };
    const unknown = run(image, "dance");
    expect([unknown.status, unknown.stderr.trim()]).toEqual([
      1,
      'there is no step "dance"; steps are prepare and upload',
    ]);
    // all that it imports is there: it ends where its volumes are missing
    for (const step of ["prepare", "upload"]) expect(run(image, step).stderr).toContain("ENOENT");
    expect(run("--entrypoint", "git", image, "--version").stdout).toMatch(/^git version/);
  });
});

/** So that it is built. */
async function usingOwnCache<T>(work: () => Promise<T>): Promise<T> {
  const before = process.env.EDGEFLOCK_CACHE;
  const cache = await mkdtemp(join(tmpdir(), "edgeflock-cache-"));
  process.env.EDGEFLOCK_CACHE = cache;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env.EDGEFLOCK_CACHE;
    else process.env.EDGEFLOCK_CACHE = before;
    await rm(cache, { recursive: true, force: true });
  }
}

/** Starts the program of an image once, on a flash without a configuration. */
function boot(files: ReadonlyMap<string, Uint8Array>) {
  const folder = mkdtempSync(join(tmpdir(), "edgeflock-boot-"));
  try {
    const flash = Buffer.alloc(4 * 2 ** 20, 0xff);
    flash.set(files.get("partition-table.bin")!, 0x8000);
    flash.set(files.get("firmware.bin")!, 0x10000);
    writeFileSync(join(folder, "flash.bin"), flash);
    const program = join(folder, "firmware");
    writeFileSync(program, hostExecutable(parseAppImage(files.get("firmware.bin")!)), { mode: 0o755 });
    return spawnSync(program, ["--flash", join(folder, "flash.bin"), "--once"], { encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
