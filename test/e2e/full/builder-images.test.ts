// The images of builders, made from their Containerfiles and run by the container executor. Needs podman and
// debootstrap, as root: images cannot be pulled everywhere, so the base is made of Debian's packages.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { splitSecrets } from "../../../builders/config/contract.ts";
import { ContainerExecutor } from "../../../builders/executors/container.ts";
import { buildBuilderImage } from "../../../builders/images/builder-image.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";
import { WorkFolder } from "../../../builders/work-folder.ts";
import { findContainerEngine } from "../../../toolchain/container-engine.ts";

const engine = await findContainerEngine().catch(() => undefined);
const has = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const able = engine?.kind === "podman" && process.getuid?.() === 0 && has("debootstrap") && has("apt-get");
const made: string[] = [];
let base = "";

/** Debian with a compiler, from the mirror that this machine uses. EDGEFLOCK_TEST_BASE names one that is there. */
async function makeBase(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "edgeflock-base-"));
  const words = ["indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"];
  const targets = execFileSync("apt-get", words, { encoding: "utf8" }).trim().split("\n");
  const [mirror, release] = targets
    .map((line) => line.split(" "))
    .find(([, name]) => /^[a-z]+$/.test(name ?? ""))!;
  try {
    const root = join(folder, "root");
    const arguments_ = ["--variant=minbase", "--include=g++,libstdc++6", release!, root, mirror!];
    execFileSync("debootstrap", arguments_, { stdio: "ignore" });
    execFileSync("tar", ["--create", "--file", join(folder, "base.tar"), "--directory", root, "."]);
    const id = execFileSync(engine!.command, ["import", "--quiet", join(folder, "base.tar")], {
      encoding: "utf8",
    });
    return id.trim().split("\n").at(-1)!;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe.skipIf(!able)("an image of a builder", () => {
  beforeAll(async () => {
    base = process.env.EDGEFLOCK_TEST_BASE ?? "";
    if (base !== "") return;
    base = await makeBase();
    made.push(base);
  }, 1_200_000);
  afterAll(() => {
    for (const image of made.toReversed()) spawnSync(engine!.command, ["rmi", "--force", image]);
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
});
