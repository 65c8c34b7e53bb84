// Real containers of podman (or docker), of images made here: nothing is pulled. Skipped where none can be run.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildFirmware } from "../../../builders/build-firmware.ts";
import type { ContainerRequest, ExecutorJob, FirmwareRequest } from "../../../builders/contract.ts";
import { ContainerExecutor } from "../../../builders/executors/container.ts";
import { processIdentity } from "../../../builders/process-identity.ts";
import { findContainerEngine } from "../../../toolchain/container-engine.ts";
import { smallDisk, soundFirmware, temporaryCache, workFolder, writeFiles } from "../../builders/support.ts";

const engine = await findContainerEngine().catch(() => undefined);
const shell = "/bin/busybox";
const place = temporaryCache();

let image = "";
let context = "";

/** An image of one static program: a shell with the usual tools. */
beforeAll(async () => {
  if (!engine || !existsSync(shell)) return;
  context = await mkdtemp(join(tmpdir(), "edgeflock-image-"));
  await copyFile(shell, join(context, "busybox"));
  await chmod(join(context, "busybox"), 0o755);
  const applets = "sh cat ls sleep cp id touch echo dd wget true env head tr"
    .split(" ")
    .map((name) => `COPY busybox /bin/${name}\n`);
  await writeFile(join(context, "Containerfile"), `FROM scratch\n${applets.join("")}CMD ["/bin/true"]\n`);
  image = `sha256:${buildImage(context)}`;
});
afterAll(async () => {
  if (image) spawnSync(engine!.command, ["rmi", "--force", image]);
  if (context) await rm(context, { recursive: true, force: true });
});

function buildImage(folder: string): string {
  const idFile = join(folder, "id");
  const words = [
    "build",
    "--iidfile",
    idFile,
    ...(engine!.kind === "podman" ? ["--isolation", "chroot"] : []),
  ];
  execFileSync(engine!.command, [...words, "--file", join(folder, "Containerfile"), folder], {
    stdio: "pipe",
  });
  return readFileSync(idFile, "utf8").trim().replace("sha256:", "");
}

async function run(
  script: string,
  changes: Partial<Omit<ExecutorJob, "container">> & {
    container?: Partial<ContainerRequest>;
    signal?: AbortSignal;
  } = {},
) {
  const { signal, container, ...job } = changes;
  const work = await workFolder({ secrets: { token: "hunter2-hunter2" } });
  const error = await new ContainerExecutor({ grace: 500 })
    .run(
      {
        name: 'firmware builder "test"',
        command: ["/bin/sh", "-c", script],
        environment: {},
        timeLimit: 60_000,
        masked: ["hunter2-hunter2"],
        work,
        ...job,
        container: { image, ...container },
      },
      { signal },
    )
    .catch((caught: unknown) => caught);
  const output = Object.fromEntries(
    await Promise.all(
      (await readdir(work.output)).map(async (name) => [
        name,
        await readFile(join(work.output, name), "utf8"),
      ]),
    ),
  ) as Record<string, string>;
  await work.remove();
  return { error: error as (Error & { hint?: string }) | undefined, output, work };
}

function containers(): string[] {
  const words = ["ps", "--all", "--filter", "label=io.edgeflock.build", "--format", "{{.Names}}"];
  return execFileSync(engine!.command, words, { encoding: "utf8" }).split("\n").filter(Boolean);
}

describe.skipIf(!engine || !existsSync(shell))("a builder in a container", () => {
  it("has its input for reading, its output for writing, and nothing else", async () => {
    const { error, output } = await run(`
      cat input/secrets/token > output/token
      for file in input/args.json input/new /etc/new /work/new; do
        (echo x > $file) 2>/dev/null && echo $file >> output/writable
      done
      echo x > $TMPDIR/scratch && echo x > /tmp/scratch && echo ok > output/scratch
      env | cat > output/environment
      ls / > output/root
      (wget -q -T 2 http://127.0.0.1:1/ 2>&1; cat /proc/net/dev) > output/network`);
    expect(error).toBeUndefined();
    expect(output.token).toBe("hunter2-hunter2");
    expect(output.writable).toBeUndefined();
    expect(output.scratch).toBe("ok\n");
    expect(output.environment).not.toMatch(/PULUMI|EDGEFLOCK_CACHE|HOSTNAME=.*edgeflock/);
    expect(output.root!.split("\n")).not.toContain("home");
    // header lines, and the loopback: no other interface
    expect(output.network!.split("\n").filter((line) => /^\s*\w+:/.test(line))).toHaveLength(1);
    expect(containers()).toEqual([]);
  });

  it("says what failed, and masks secrets", async () => {
    const { error } = await run("echo token is $(cat input/secrets/token); echo broken >&2; exit 3");
    expect(error?.message).toMatch(/failed with exit code 3/);
    expect(error?.message).toContain("token is •••");
    expect(error?.message).not.toContain("hunter2");
    expect(containers()).toEqual([]);
  });

  it("is stopped at its time limit, even if it ignores SIGTERM and has children that do", async () => {
    const { error, work } = await run("trap '' TERM; (trap '' TERM; sleep 1000) & echo started; sleep 1000", {
      timeLimit: 3000,
    });
    expect(error?.message).toMatch(/did not end within 3 s and was stopped\.\n {2}started/);
    expect(containers()).toEqual([]);
    expect(await processesOf(work.mark)).toEqual([]);
  });

  it("is stopped when it fills the disk of its work folder", async (context) => {
    await using disk = await smallDisk(place.folder);
    if (!disk) return context.skip("only root can mount a small disk");
    process.env.EDGEFLOCK_CACHE = disk.folder;
    const { error } = await run("echo writing; head -c 50000000 /dev/zero > output/large; sleep 60");
    expect(error?.message).toMatch(/filled the disk and was stopped\.\n {2}writing/);
    expect(containers()).toEqual([]);
  });

  it("is ended by Ctrl-C", async () => {
    const controller = new AbortController();
    const running = run("echo x > output/started; sleep 1000", { signal: controller.signal });
    while (containers().length === 0) await sleep(50);
    controller.abort();
    const { error, work } = await running;
    expect(error?.message).toContain("was stopped before it was done");
    expect(containers()).toEqual([]);
    expect(await processesOf(work.mark)).toEqual([]);
  });

  it("cannot have more processes than its limit", async () => {
    const { error } = await run(
      "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 5 & done; wait",
      {
        container: { processes: 10 },
      },
    );
    expect(error?.message).toMatch(/can't fork|Resource temporarily unavailable/);
  });

  it("cannot have more memory than its limit, and is told which", async () => {
    const { error } = await run("x=$(head -c 300000000 /dev/zero | tr '\\0' a)", {
      container: { memory: "32m" },
    });
    expect(error?.hint).toContain("more memory than 32m");
  });

  it("says which image is not there", async () => {
    const { error } = await run("true", { container: { image: `sha256:${"0".repeat(64)}` } });
    expect(error?.message).toContain("could not be started in its container");
    expect(error?.hint).toContain("images --no-trunc");
  });

  it("says which command its image does not have", async () => {
    const { error } = await run("", { command: ["/bin/no-such-program"] });
    expect(error?.message).toContain("names a command that its image does not have");
  });

  it("is swept when the process that started it was killed", async () => {
    // a mark of this place whose process is gone
    const [, , boot, where] = processIdentity().split("-");
    const mark = `4194300-1-${boot}-${where}-dead`;
    const words = ["run", "--detach", "--network", "none", "--name", `edgeflock-${mark}`];
    const limits = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"];
    execFileSync(engine!.command, [
      ...[...words, ...limits, "--label", `io.edgeflock.build=${mark}`],
      ...["--entrypoint", "/bin/sleep", image, "1000"],
    ]);
    expect(containers()).toEqual([`edgeflock-${mark}`]);
    expect((await run("true")).error).toBeUndefined();
    expect(containers()).toEqual([]);
  });

  it("makes the firmware of a class, once", async () => {
    const source = await writeFiles(join(place.folder, "firmware"), soundFirmware());
    const request: FirmwareRequest = {
      builder: {
        name: "command",
        source,
        args: { command: ["/bin/sh", "-c", "cp input/source/* output/"] },
      },
      chip: "esp32",
      config: { label: "cfg", size: 0x6000 },
      container: { image },
      projectFolder: place.folder,
    };
    expect(await buildFirmware(request)).toMatchObject({ built: true, artifact: { version: "1.0.0" } });
    expect((await buildFirmware({ ...request, container: { image, memory: "1g" } })).built).toBe(false);
  });
});

async function processesOf(mark: string): Promise<string[]> {
  const found: string[] = [];
  for (const id of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${id}/environ`, "latin1").catch(() => "");
    const state = await readFile(`/proc/${id}/stat`, "utf8").catch(() => ") Z");
    if (environment.includes(mark) && !/\) [ZX] /.test(state)) found.push(id);
  }
  return found;
}
