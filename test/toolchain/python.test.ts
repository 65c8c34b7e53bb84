import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, describe, expect, it, vi } from "vitest";
import { cxxOnPath } from "../../toolchain/cxx.ts";
import { esptoolCommand, pythonEnvironment } from "../../toolchain/python.ts";
import { ESPTOOL } from "../../toolchain/versions.ts";
import { temporaryFolder } from "./temporary-folder.ts";

afterEach(() => vi.unstubAllEnvs());

describe("Python tools", () => {
  it("run from an environment of their own, in the pinned version", async () => {
    const { bin } = await pythonEnvironment("esptool");
    const ran = await execa(join(bin, "esptool"), ["version"]);
    expect(ran.stdout).toContain(ESPTOOL);
    const [file, ...args] = await esptoolCommand();
    expect((await execa(file!, [...args, "version"])).exitCode).toBe(0);
  }, 300_000);

  it("need a Python that is new enough, and say how to get one", async () => {
    const bin = temporaryFolder();
    writeFileSync(join(bin, "python3"), "#!/bin/sh\necho /usr/bin/python3; echo 3.9.18\n", { mode: 0o755 });
    vi.stubEnv("PATH", bin);
    const failing = pythonEnvironment("esptool");
    await expect(failing).rejects.toMatchObject({
      message: expect.stringContaining("needs Python 3.10 or newer"),
      hint: expect.stringContaining("apt install python3"),
    });
  });
});

describe("a C++ compiler", () => {
  it("is one that compiles, not merely one that is there", async () => {
    const bin = temporaryFolder();
    const broken = join(bin, "c++");
    const working = join(bin, "g++");
    writeFileSync(broken, `#!/bin/sh\necho "fatal error: cstdint: No such file" >&2; exit 1\n`, {
      mode: 0o755,
    });
    // notes how it was called and accepts anything
    const accepts = `#!/bin/sh\necho "$@" >> ${bin}/calls\n/bin/cat > /dev/null\necho "compiler 1.2.3"\n`;
    writeFileSync(working, accepts, { mode: 0o755 });
    vi.stubEnv("CXX", undefined);
    vi.stubEnv("PATH", bin);
    const compiler = await cxxOnPath();
    expect(compiler?.command).toEqual([working]);
    expect(compiler?.identity).toBe("compiler 1.2.3 compiler 1.2.3");
    expect(readFileSync(join(bin, "calls"), "utf8")).toContain("-fsyntax-only");
  });
});
