import { spawnSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { splitSecrets } from "../../../builders/config/contract.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";
import { WorkFolder } from "../../../builders/work-folder.ts";
import { temporaryCache } from "../support.ts";

temporaryCache();
const PROGRAM = fileURLToPath(new URL("../../../builders/nvs/build.ts", import.meta.url));
const ENTRIES = [
  { namespace: "edgeflock", key: "device", type: "string", value: "cam-001", secret: false },
  { namespace: "wifi", key: "pass/word", type: "string", value: "hunter2-hunter2", secret: true },
  { namespace: "big", key: "i", type: "i64", value: "-9223372036854775808", secret: false },
] as const;

describe("what a builder of configuration images is given", () => {
  it("names secrets' files, and holds no secret", () => {
    const { settings, secrets } = splitSecrets(0x6000, ENTRIES);
    expect(settings.entries).toEqual([
      { namespace: "edgeflock", key: "device", type: "string", value: "cam-001" },
      { namespace: "wifi", key: "pass/word", type: "string", secret: "entry-1" },
      { namespace: "big", key: "i", type: "i64", value: "-9223372036854775808" },
    ]);
    expect(secrets).toEqual({ "entry-1": "hunter2-hunter2" });
  });

  it("makes the image that Edgeflock itself would make, readable by its owner only", async () => {
    const { settings, secrets } = splitSecrets(0x6000, ENTRIES);
    const work = await WorkFolder.create({ args: {}, classFacts: {}, secrets, settings: settings as never });
    try {
      const { status, stderr } = spawnSync(process.execPath, [PROGRAM], { cwd: work.path, encoding: "utf8" });
      expect([status, stderr]).toEqual([0, ""]);
      const image = join(work.output, "config.bin");
      const rows = [
        { namespace: "edgeflock", key: "device", type: "string", value: "cam-001" },
        { namespace: "wifi", key: "pass/word", type: "string", value: "hunter2-hunter2" },
        { namespace: "big", key: "i", type: "i64", value: -(2n ** 63n) },
      ] as const;
      expect((await readFile(image)).equals(generateNvs([...rows], { size: 0x6000 }))).toBe(true);
      expect((await stat(image)).mode & 0o777).toBe(0o600);
      await work.checkBoundaries();
    } finally {
      await work.remove();
    }
  });

  it("says what is wrong with it, without a value", async () => {
    const wrong = [{ namespace: "a", key: "b", type: "u8", value: "hunter2", secret: true }] as const;
    const { settings, secrets } = splitSecrets(0x6000, wrong);
    const work = await WorkFolder.create({ args: {}, classFacts: {}, secrets, settings: settings as never });
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM], { cwd: work.path, encoding: "utf8" });
    await work.remove();
    expect(status).toBe(1);
    expect(stderr).toContain("NVS key a/b: expected an integer from 0 to 255");
    expect(stderr).not.toContain("hunter2");
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
