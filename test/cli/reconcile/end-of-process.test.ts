import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { isAlive } from "../../../toolchain/is-alive.ts";

const module = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../../${path}`, import.meta.url)));

// A pulumi that takes its time to end in order.
const PULUMI = `#!/bin/sh
trap 'echo asked >> "$MARKS"' INT
echo $$ >> "$MARKS"
while :; do sleep 0.1; done
`;

describe("a reconciler that is told to end", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "edgeflock-end-"));
    await mkdir(join(folder, "bin"));
    await writeFile(join(folder, "bin", "pulumi"), PULUMI);
    await chmod(join(folder, "bin", "pulumi"), 0o755);
    await writeFile(join(folder, "Pulumi.yaml"), "name: test\nruntime: nodejs\n");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("asks pulumi to end, and when told again ends it and itself", async () => {
    const marks = join(folder, "marks");
    await writeFile(marks, "");
    const program = `
      import { endOfProcess } from ${module("cli/reconcile/end-of-process.ts")};
      import { previewStack } from ${module("cli/reconcile/run-pulumi.ts")};
      await previewStack({
        projectFolder: process.cwd(), stack: "test", environment: process.env, objects: [], policies: [],
        progress: { say() {} }, signal: endOfProcess(),
      });`;
    const PATH = `${join(folder, "bin")}${delimiter}${process.env.PATH}`;
    const ran = execa(process.execPath, ["--input-type=module", "-e", program], {
      ...{ cwd: folder, env: { PATH, MARKS: marks }, reject: false },
    });
    const lines = async () => (await readFile(marks, "utf8")).split("\n").filter(Boolean);
    await vi.waitFor(async () => expect(await lines()).toHaveLength(1), 20_000);
    ran.kill("SIGINT");
    await vi.waitFor(async () => expect(await lines()).toHaveLength(2), 5_000);
    const pid = Number((await lines())[0]);
    expect(isAlive(pid)).toBe(true);
    ran.kill("SIGINT");
    const { exitCode, stderr } = await ran;
    expect(exitCode, stderr).toBe(130);
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 2_000);
  });
});
