import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ContainerRequest, ExecutorJob } from "../../../builders/contract.ts";
import { ContainerExecutor, runArguments } from "../../../builders/executors/container.ts";
import type { VisibleError } from "../../../model/visible-error.ts";
import { findContainerEngine, keepsLimits } from "../../../toolchain/container-engine.ts";
import { temporaryCache, workFolder } from "../support.ts";

const place = temporaryCache();
const IMAGE = `localhost/builder@sha256:${"a".repeat(64)}`;

async function jobWith(
  container: ContainerRequest,
  changes: Partial<ExecutorJob> = {},
): Promise<ExecutorJob> {
  return {
    name: 'firmware builder "test"',
    command: [],
    environment: {},
    timeLimit: 20_000,
    masked: [],
    work: await workFolder({ secrets: { token: "hunter2-hunter2" } }),
    container,
    ...changes,
  };
}
const PODMAN = { kind: "podman", user: "0:0" } as const;

describe("the words for a container engine", () => {
  it("give the builder its work folder, and nothing else of this machine", async () => {
    const job = await jobWith({ image: IMAGE });
    const words = runArguments(job, job.container!, PODMAN);
    const valuesOf = (flag: string) => words.flatMap((word, at) => (words[at - 1] === flag ? [word] : []));
    expect(valuesOf("--volume")).toEqual([
      `${job.work.path}/input:/work/input:ro`,
      `${job.work.path}/output:/work/output:rw`,
      `${job.work.path}/tmp:/work/tmp:rw`,
    ]);
    expect(valuesOf("--network")).toEqual(["none"]);
    expect(valuesOf("--cap-drop")).toEqual(["all"]);
    expect(valuesOf("--security-opt")).toContain("no-new-privileges");
    expect(valuesOf("--memory")).toEqual(["4g"]);
    expect(valuesOf("--memory-swap")).toEqual(["4g"]);
    expect(valuesOf("--pids-limit")).toEqual(["1024"]);
    expect(valuesOf("--log-driver")).toEqual(["none"]);
    expect(words).toContain("--read-only");
    expect(words.at(-1)).toBe(IMAGE);
    expect(words.join(" ")).not.toContain("hunter2");
    await job.work.remove();
  });

  it("say the class's limits, network and command", async () => {
    const container = {
      image: `sha256:${"b".repeat(64)}`,
      network: true,
      memory: "1g",
      cpus: 0.5,
      processes: 64,
    };
    const job = await jobWith(container, { command: ["make", "-j", "all"], environment: { A: "1" } });
    const words = runArguments(job, container, PODMAN).join(" ");
    expect(words).not.toContain("--network");
    expect(words).toContain("--memory 1g --memory-swap 1g --cpus 0.5 --pids-limit 64");
    expect(words).toContain("--pull never");
    expect(words).toContain("--env A=1");
    expect(words.endsWith(`--entrypoint make ${container.image} -j all`)).toBe(true);
    await job.work.remove();
  });
});

/** An engine that writes down how it was called; its `run` does what `script` says. */
async function fakeEngine(script: string, name = "podman"): Promise<string> {
  const folder = join(place.folder, "bin");
  await mkdir(folder, { recursive: true });
  const text = `#!/bin/sh
echo "$*" >> "${join(place.folder, "calls")}"
case "$1" in
  info) echo 5.0.0 ;;
  run) ${script} ;;
esac
`;
  await writeFile(join(folder, name), text, { mode: 0o755 });
  return join(folder, name);
}

async function runWith(script: string, container: ContainerRequest) {
  process.env.EDGEFLOCK_CONTAINER_ENGINE = await fakeEngine(script);
  try {
    const job = await jobWith(container);
    const error = await new ContainerExecutor({ grace: 300 }).run(job, {}).catch((caught: unknown) => caught);
    await job.work.remove();
    return { error: error as Error & { hint?: string }, mark: job.work.mark };
  } finally {
    delete process.env.EDGEFLOCK_CONTAINER_ENGINE;
  }
}

describe("the container executor", () => {
  it("takes images by digest only", async () => {
    for (const image of ["builder", "builder:latest", "builder@sha256:abc", "--privileged", "sha256:abc"]) {
      const { error } = await runWith("exit 0", { image });
      expect(error.message).toContain("is not named by its digest");
    }
    expect(existsSync(join(place.folder, "calls"))).toBe(false);
  });

  it("removes the container however its run ended", async () => {
    const { error, mark } = await runWith("echo compiling; exit 3", { image: IMAGE });
    expect(error.message).toMatch(/failed with exit code 3\.\n {2}compiling\nThe whole log/);
    expect((error as VisibleError).short).toBe('firmware builder "test" failed with exit code 3: compiling');
    const calls = (await readFile(join(place.folder, "calls"), "utf8")).trim().split("\n");
    expect(calls.at(-1)).toBe(`rm --force --volumes edgeflock-${mark}`);
  });

  it("says what the engine's own exit codes mean", async () => {
    const refused = await runWith('echo "Error: manifest unknown" >&2; exit 125', { image: IMAGE });
    expect(refused.error.message).toMatch(
      /could not be started in its container\.\n {2}Error: manifest unknown/,
    );
    const missing = await runWith("exit 127", { image: IMAGE });
    expect(missing.error.message).toContain("names a command that its image does not have");
    const killed = await runWith("exit 137", { image: IMAGE, memory: "1g" });
    expect(killed.error.hint).toContain("more memory than 1g");
  });

  it("leaves no log but its own, with secrets masked", async () => {
    process.env.EDGEFLOCK_CONTAINER_ENGINE = await fakeEngine("echo token hunter2-hunter2; exit 0");
    try {
      const job = await jobWith({ image: IMAGE }, { masked: ["hunter2-hunter2"] });
      await new ContainerExecutor().run(job, {});
      await job.work.remove();
    } finally {
      delete process.env.EDGEFLOCK_CONTAINER_ENGINE;
    }
    const [log] = await readdir(join(place.cache, "logs"));
    expect(await readFile(join(place.cache, "logs", log!), "utf8")).toBe("token •••\n");
  });
});

describe("finding a container engine", () => {
  it("takes podman before docker, and what is chosen before both", async () => {
    await fakeEngine("exit 0", "docker");
    const podman = await fakeEngine("exit 0", "podman");
    const PATH = join(place.folder, "bin");
    expect(await findContainerEngine({ PATH })).toEqual({
      ...{ kind: "podman", command: podman, user: "0:0", limits: true },
    });
    const chosen = await findContainerEngine({ PATH, EDGEFLOCK_CONTAINER_ENGINE: "docker" });
    expect(chosen).toMatchObject({
      kind: "docker",
      user: `${process.getuid?.()}:${process.getgid?.()}`,
    });
  });

  it("knows that podman keeps no limits without root where cgroups are of version 1", () => {
    expect(keepsLimits("rootless=true cgroups=v1")).toBe(false);
    expect(keepsLimits("rootless=true cgroups=v2")).toBe(true);
    expect(keepsLimits("rootless=false cgroups=v1")).toBe(true);
  });

  it("says what is missing, and what an engine complained of", async () => {
    const none = findContainerEngine({ PATH: join(place.folder, "nothing") });
    await expect(none).rejects.toThrow("there is no podman or docker on PATH");
    const folder = join(place.folder, "broken");
    await mkdir(folder);
    await writeFile(join(folder, "docker"), "#!/bin/sh\necho Cannot connect to the daemon >&2\nexit 1\n", {
      mode: 0o755,
    });
    await expect(findContainerEngine({ PATH: folder })).rejects.toThrow(
      /docker: Cannot connect to the daemon/,
    );
  });
});
