import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inputProblems, masked, secretTexts } from "../../../toolchain/stand-ins/command/command-inputs.ts";
import { type RunOptions, runCommand } from "../../../toolchain/stand-ins/command/run-command.ts";
import { secret, UNKNOWN } from "../../../toolchain/stand-ins/property-values.ts";

let folder: string;
let logged: string[];
let options: RunOptions;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
  logged = [];
  options = {
    previous: { stdout: "", stderr: "" },
    secrets: [],
    signal: new AbortController().signal,
    log: (line) => logged.push(line),
  };
});
afterEach(() => rm(folder, { recursive: true }));

describe("running a command", () => {
  it("gives back what it printed, but for the last line break", async () => {
    const outputs = await runCommand("printf 'a\\n\\n'; printf b >&2", {}, options);
    expect(outputs).toEqual({ stdout: "a\n", stderr: "b" });
  });

  it("runs in its folder, with its environment, input and interpreter", async () => {
    const inputs = {
      dir: folder,
      environment: { NAME: "x y" },
      stdin: "given",
      interpreter: ["/bin/sh", "-e", "-c"],
    };
    await runCommand('cat > file; false || true; echo "$NAME" >> file', inputs, options);
    expect(await readFile(join(folder, "file"), "utf8")).toBe("givenx y\n");
    await expect(runCommand("false; true", inputs, options)).rejects.toThrow(/exit status 1/);
  });

  it("sees what the last run printed, unless told not to", async () => {
    const previous = { stdout: "before", stderr: "" };
    const command = 'echo "$PULUMI_COMMAND_STDOUT"';
    expect((await runCommand(command, {}, { ...options, previous })).stdout).toBe("before");
    const off = { addPreviousOutputInEnv: false };
    expect((await runCommand(command, off, { ...options, previous })).stdout).toBe("");
  });

  it("does not mind a command that leaves its input unread", async () => {
    const stdin = "x".repeat(1_000_000);
    expect((await runCommand("true", { stdin }, options)).stdout).toBe("");
  });

  it("logs line by line, as asked for", async () => {
    const command = "echo one; printf 'two\\nthree'; echo err >&2";
    await runCommand(command, { logging: "stdout" }, options);
    expect(logged).toEqual(["one", "two", "three"]);
    logged.length = 0;
    await runCommand(command, { logging: "none" }, options);
    expect(logged).toEqual([]);
  });

  it("tells in its error what was printed, without secrets", async () => {
    const inputs = { environment: { TOKEN: "hunter22" } };
    const run = runCommand('echo "token $TOKEN"; exit 3', inputs, { ...options, secrets: ["hunter22"] });
    await expect(run).rejects.toThrow(
      'exit status 3: running "echo \\"token $TOKEN\\"; exit 3":\ntoken [secret]',
    );
    expect(logged).toEqual(["token [secret]"]);
  });

  it("names a folder that does not exist as the reason", async () => {
    await expect(runCommand("true", { dir: join(folder, "nowhere") }, options)).rejects.toThrow(/ENOENT/);
  });
});

describe("the inputs of a command", () => {
  it("are checked for type, all at once; what is unknown passes", () => {
    const found = inputProblems({
      create: secret(UNKNOWN),
      update: 3,
      logging: "loud",
      interpreter: "sh",
      environment: { A: 1 },
      creat: "x",
      archivePaths: ["*"],
    });
    expect(found.map(({ property }) => property)).toEqual([
      "update",
      "logging",
      "interpreter",
      "environment",
      "creat",
      "archivePaths",
    ]);
  });

  it("are masked where they are secret, the longest first", () => {
    const secrets = secretTexts({ stdin: secret("abc"), environment: { A: secret("abcdef"), B: "plain" } });
    expect(masked("abcdef abc plain", secrets)).toBe("[secret] [secret] plain");
  });
});
