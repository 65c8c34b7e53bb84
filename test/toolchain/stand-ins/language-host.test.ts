import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { programDependencies } from "../../../toolchain/stand-ins/language-host/program-dependencies.ts";
import {
  runArguments,
  runEnvironment,
  runtimeOptions,
  splitWords,
} from "../../../toolchain/stand-ins/language-host/run-arguments.ts";

const REQUEST = {
  monitorAddress: "127.0.0.1:1",
  engineAddress: "127.0.0.1:2",
  organization: "organization",
  project: "p",
  stack: "s",
  rootDirectory: "/root",
  programDirectory: "/root/src",
  entryPoint: "index.ts",
  dryRun: true,
  parallel: 16,
  arguments: [],
};

describe("how a program is run", () => {
  it("is the runner's own command line", () => {
    expect(runArguments("/sdk/run", REQUEST).join(" ")).toBe(
      "/sdk/run --monitor 127.0.0.1:1 --engine 127.0.0.1:2 --organization organization --project p --root-directory /root --stack s --pwd /root/src --dry-run --parallel 16 index.ts",
    );
  });

  it("leaves out what is empty, and takes the folder where no entry point is named", () => {
    const arguments_ = runArguments("run", { ...REQUEST, organization: "", entryPoint: "", dryRun: false });
    expect(arguments_).not.toContain("--organization");
    expect(arguments_).not.toContain("--dry-run");
    expect(arguments_.at(-1)).toBe(".");
  });

  it("passes the configuration by the environment, keys in their long form", () => {
    const options = runtimeOptions({ typescript: false });
    const config: [string, string][] = [
      ["app:name", "a:b"],
      ["app:config:old", "c"],
    ];
    expect(runEnvironment(config, ["app:name"], options)).toEqual({
      PULUMI_CONFIG: '{"app:config:name":"a:b","app:config:old":"c"}',
      PULUMI_CONFIG_SECRET_KEYS: '["app:name"]',
    });
  });

  it("lets @pulumi/pulumi compile TypeScript unless told not to, as the official host", () => {
    expect(runEnvironment([], [], runtimeOptions({})).PULUMI_NODEJS_TYPESCRIPT).toBe("true");
    expect(runEnvironment([], [], runtimeOptions({ tsconfig: "x.json" })).PULUMI_NODEJS_TSCONFIG_PATH).toBe(
      "x.json",
    );
  });

  it("refuses options of a wrong type by name", () => {
    expect(() => runtimeOptions({ typescript: "no" })).toThrow(/"typescript" must be a boolean/);
    expect(() => runtimeOptions({ nodeargs: ["--x"] })).toThrow(/"nodeargs" must be a string/);
  });

  it("splits nodeargs as a shell would", () => {
    expect(splitWords(`--max-old-space-size=64  "--title=a b" '--x=$y' c\\ d ""`)).toEqual([
      "--max-old-space-size=64",
      "--title=a b",
      "--x=$y",
      "c d",
      "",
    ]);
    expect(splitWords("  ")).toEqual([]);
  });
});

describe("the dependencies of a program", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const write = async (path: string, value: unknown) => {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), JSON.stringify(value));
  };

  it("are those of package.json in the version that is installed", async () => {
    await write("package.json", { dependencies: { a: "^1.0.0", b: "2" }, devDependencies: { "@s/c": "*" } });
    await write("node_modules/a/package.json", { version: "1.2.3" });
    await write("node_modules/@s/c/package.json", { version: "0.1.0" });
    expect(programDependencies(folder, false)).toEqual([
      { name: "@s/c", version: "0.1.0" },
      { name: "a", version: "1.2.3" },
      { name: "b", version: "2" },
    ]);
  });

  it("are all that npm installed, when asked for all", async () => {
    await write("node_modules/.package-lock.json", {
      packages: { "node_modules/a": { version: "1" }, "node_modules/a/node_modules/@s/d": { version: "2" } },
    });
    expect(programDependencies(folder, true)).toEqual([
      { name: "a", version: "1" },
      { name: "@s/d", version: "2" },
    ]);
  });

  it("are none where there is no package", () => {
    expect(programDependencies(folder, false)).toEqual([]);
  });
});
