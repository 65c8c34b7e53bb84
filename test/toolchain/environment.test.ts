import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cacheFolder } from "../../toolchain/cache-folder.ts";
import { prepareEnvironment } from "../../toolchain/environment.ts";
import { ensurePassphrase } from "../../toolchain/passphrase.ts";
import { projectFolder } from "../../toolchain/project-folder.ts";
import { choosePlugins, standInMode } from "../../toolchain/pulumi-plugins.ts";
import { GO_TOOLS } from "../../toolchain/tool-definitions.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const USER_VARIABLES = [
  "PULUMI_BACKEND_URL",
  "PULUMI_CONFIG_PASSPHRASE",
  "PULUMI_CONFIG_PASSPHRASE_FILE",
  "PULUMI_HOME",
  "PULUMI_CREDENTIALS_PATH",
  "PULUMI_IGNORE_AMBIENT_PLUGINS",
  "EDGEFLOCK_STAND_INS",
];

let bin: string;

/** A pulumi on PATH, with or without its own language host. */
function pulumiOnPath(withHost: boolean): void {
  const programs = [
    ["pulumi", `echo v${GO_TOOLS.pulumi.version}`],
    ["pulumi-language-nodejs", "echo host"],
  ] as const;
  for (const [name, script] of withHost ? programs : programs.slice(0, 1)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
}

beforeEach(() => {
  bin = temporaryFolder();
  for (const name of USER_VARIABLES) vi.stubEnv(name, undefined);
  vi.stubEnv("HOME", temporaryFolder());
  vi.stubEnv("EDGEFLOCK_CACHE", temporaryFolder());
  vi.stubEnv("EDGEFLOCK_DOWNLOADS", "never");
  vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
});
afterEach(() => vi.unstubAllEnvs());

function project(text = "name: p\nruntime: nodejs\n"): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "Pulumi.yaml"), text);
  return folder;
}

async function prepared(folder: string, more: { ignoreUserBackend?: boolean } = {}) {
  return prepareEnvironment({ projectFolder: folder, tools: ["pulumi"], ...more });
}

describe("the environment of pulumi", () => {
  it("keeps state and passphrase in the project, for its owner alone and out of git", async () => {
    pulumiOnPath(true);
    const folder = project();
    const { environment } = await prepared(folder);
    expect(environment.PULUMI_BACKEND_URL).toBe(`file://${folder}/.edgeflock/state?metadata=skip`);
    const passphrase = environment.PULUMI_CONFIG_PASSPHRASE_FILE!;
    expect(statSync(passphrase).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, ".edgeflock")).mode & 0o777).toBe(0o700);
    expect(readFileSync(passphrase, "utf8").trim()).toMatch(/^[\w-]{43}$/);
    expect(readFileSync(join(folder, ".edgeflock/.gitignore"), "utf8")).toBe("*\n");
    const again = await prepared(folder);
    expect(again.environment).toEqual(environment);
  });

  it("does not take its own launchers and links for tools when a command of ours runs under pulumi", async () => {
    pulumiOnPath(true);
    const outer = (await prepared(project())).environment;
    vi.stubEnv("PATH", outer.PATH);
    vi.stubEnv("PULUMI_HOME", outer.PULUMI_HOME);
    const folder = project();
    const { environment, tools } = await prepared(folder);
    expect(tools.pulumi?.path).toBe(join(bin, "pulumi"));
    const { stdout } = await execa("pulumi", ["version"], {
      env: environment,
      extendEnv: false,
      timeout: 20_000,
    });
    expect(stdout).toBe(`v${GO_TOOLS.pulumi.version}`);
    const plugins = join(folder, ".edgeflock/pulumi-home/plugins");
    for (const name of readdirSync(plugins)) {
      for (const program of readdirSync(join(plugins, name))) {
        expect(statSync(join(plugins, name, program)).isFile()).toBe(true);
      }
    }
  });

  it("leaves the user's own backend and passphrase alone, with the user's own log-in", async () => {
    pulumiOnPath(true);
    vi.stubEnv("PULUMI_BACKEND_URL", "s3://bucket");
    vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "");
    const folder = project();
    const { environment } = await prepared(folder);
    expect(environment.PULUMI_BACKEND_URL).toBe("s3://bucket");
    expect(environment.PULUMI_CONFIG_PASSPHRASE).toBe("");
    expect(environment.PULUMI_CONFIG_PASSPHRASE_FILE).toBeUndefined();
    expect(environment.PULUMI_CREDENTIALS_PATH).toBe(join(process.env.HOME!, ".pulumi"));
    expect(existsSync(join(folder, ".edgeflock/passphrase"))).toBe(false);
    const own = await prepared(folder, { ignoreUserBackend: true });
    expect(own.environment.PULUMI_BACKEND_URL).toBe(`file://${folder}/.edgeflock/state?metadata=skip`);
    expect(own.environment.PULUMI_CONFIG_PASSPHRASE).toBeUndefined();
  });

  it("leaves the backend to Pulumi.yaml where that names one", async () => {
    pulumiOnPath(true);
    const folder = project("name: p\nruntime: nodejs\nbackend: { url: 'https://api.example' }\n");
    const { environment } = await prepared(folder);
    expect(environment.PULUMI_BACKEND_URL).toBeUndefined();
  });

  it("puts the tools first on PATH, Node 24 among them, whatever the folder is called", async () => {
    pulumiOnPath(true);
    const folder = join(temporaryFolder(), "it's a # folder");
    mkdirSync(folder);
    writeFileSync(join(folder, "Pulumi.yaml"), "name: p\nruntime: nodejs\n");
    const { environment } = await prepared(folder);
    const ran = await execa("sh", ["-c", "node --version; pulumi version"], {
      env: environment,
      extendEnv: false,
    });
    expect(ran.stdout.split("\n")).toEqual([process.version, `v${GO_TOOLS.pulumi.version}`]);
  });
});

describe("the language host and the plugins", () => {
  const pulumi = () => ({
    name: "pulumi",
    path: join(bin, "pulumi"),
    version: "3.255.0",
    source: "path" as const,
  });

  it("are stand-ins where the official ones cannot be had", async () => {
    const choices = await choosePlugins(pulumi());
    expect(choices.map((choice) => [choice.name, choice.source])).toEqual([
      ["nodejs", "stand-in"],
      ["pulumi-nodejs", "stand-in"],
      ["kubernetes", "stand-in"],
      ["random", "stand-in"],
      ["command", "stand-in"],
    ]);
    for (const { path } of choices) expect(statSync(path).mode & 0o111, path).not.toBe(0);
  });

  it("are the official ones where the user has them", async () => {
    pulumiOnPath(true);
    const installed = join(process.env.HOME!, ".pulumi/plugins/resource-random-v4.21.2");
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(installed, "pulumi-resource-random"), "");
    const choices = await choosePlugins(pulumi());
    const official = choices.filter((choice) => choice.source !== "stand-in").map((choice) => choice.name);
    expect(official).toEqual(["nodejs", "random"]);
  });

  it("are all stand-ins, or none, where EDGEFLOCK_STAND_INS says so", async () => {
    pulumiOnPath(true);
    vi.stubEnv("EDGEFLOCK_STAND_INS", "always");
    expect((await choosePlugins(pulumi())).every((choice) => choice.source === "stand-in")).toBe(true);
    vi.stubEnv("EDGEFLOCK_STAND_INS", "never");
    await expect(choosePlugins(pulumi())).rejects.toThrow(
      /cannot be had here, and EDGEFLOCK_STAND_INS=never/,
    );
    expect(() => standInMode({ EDGEFLOCK_STAND_INS: "yes" })).toThrow("it takes auto, always, never");
  });

  it("change in a project whose choice changes", async () => {
    pulumiOnPath(true);
    const folder = project();
    const host = join(
      folder,
      ".edgeflock/pulumi-home/plugins/language-nodejs-v3.255.0/pulumi-language-nodejs",
    );
    await prepared(folder);
    expect(readFileSync(host, "utf8")).toContain("echo host");
    vi.stubEnv("EDGEFLOCK_STAND_INS", "always");
    const { environment } = await prepared(folder);
    expect(readFileSync(host, "utf8")).toContain("Stand-in");
    // an official host beside pulumi would win: then, and only then, the stand-in is on PATH
    expect(readFileSync(join(folder, ".edgeflock/bin/pulumi-language-nodejs"), "utf8")).toContain(
      "stand-ins",
    );
    expect(environment.PULUMI_IGNORE_AMBIENT_PLUGINS).toBeUndefined();
    vi.stubEnv("EDGEFLOCK_STAND_INS", "auto");
    const back = await prepared(folder);
    expect(existsSync(join(folder, ".edgeflock/bin/pulumi-language-nodejs"))).toBe(false);
    expect(back.environment.PULUMI_IGNORE_AMBIENT_PLUGINS).toBe("true");
  });
});

describe("the passphrase", () => {
  it("is one and the same for two processes at once", async () => {
    const folder = temporaryFolder();
    const paths = await Promise.all([1, 2, 3].map(() => ensurePassphrase(folder, join(folder, "state"))));
    expect(new Set(paths).size).toBe(1);
    expect(readFileSync(paths[0]!, "utf8")).toHaveLength(44);
  });

  it("is not made anew under stacks that another one encrypted", async () => {
    const folder = temporaryFolder();
    const stacks = join(folder, "state/.pulumi/stacks/p");
    mkdirSync(stacks, { recursive: true });
    writeFileSync(join(stacks, "dev.json"), "{}");
    await expect(ensurePassphrase(folder, join(folder, "state"))).rejects.toThrow(/passphrase .* is missing/);
  });
});

describe("folders", () => {
  it("of the cache follow EDGEFLOCK_CACHE, then XDG, then the home", () => {
    expect(cacheFolder({ EDGEFLOCK_CACHE: "/x" })).toBe("/x");
    if (process.platform !== "linux") return;
    expect(cacheFolder({ XDG_CACHE_HOME: "/y" })).toBe("/y/edgeflock");
    expect(cacheFolder({ XDG_CACHE_HOME: "relative" })).toMatch(/\/\.cache\/edgeflock$/);
  });

  it("of the project is the nearest with a Pulumi.yaml", () => {
    const folder = project();
    mkdirSync(join(folder, "a/b"), { recursive: true });
    expect(projectFolder(join(folder, "a/b"))).toBe(folder);
    const link = join(temporaryFolder(), "link");
    symlinkSync(folder, link);
    expect(projectFolder(link)).toBe(link);
    expect(() => projectFolder("/")).toThrow("There is no Pulumi.yaml in / or above it.");
  });
});
