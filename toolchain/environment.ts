// The environment that pulumi, kubectl and flash scripts run in. Makes tools ready, writes under .edgeflock/.
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { cacheFolder } from "./cache-folder.ts";
import { ensurePassphrase } from "./passphrase.ts";
import { LAUNCHER_START } from "./path-lookup.ts";
import { stateFolder as ensureStateFolder } from "./project-folder.ts";
import { withoutAutomaticLog } from "./pulumi-log.ts";
import { choosePlugins, folderName, type PluginChoice, programName, standInMode } from "./pulumi-plugins.ts";
import { readProjectFile } from "./stack-file.ts";
import { ensureTools, type Tool, type ToolName, type ToolOptions } from "./tools.ts";

export interface EnvironmentOptions extends ToolOptions {
  /** The folder with Pulumi.yaml. */
  projectFolder: string;
  /** Where pulumi's home, the state and the passphrase are kept; default `<project>/.edgeflock`. */
  stateFolder?: string;
  /** Sets KUBECONFIG; else the user's own counts. */
  kubeconfig?: string;
  /** Default all that a fleet needs: pulumi with its plugins, kubectl, esptool. */
  tools?: readonly ToolName[];
  /**
   * Keeps state and passphrase in `stateFolder` whatever PULUMI_BACKEND_URL and PULUMI_CONFIG_PASSPHRASE say: for
   * tests. Default false.
   */
  ignoreUserBackend?: boolean;
}

export interface ToolEnvironment {
  environment: NodeJS.ProcessEnv;
  tools: Partial<Record<ToolName, Tool>>;
  plugins: PluginChoice[];
}

const DEFAULT_TOOLS: readonly ToolName[] = ["pulumi", "kubectl", "esptool"];

/** See {@link prepareEnvironment}; the environment alone. */
export async function toolEnvironment(options: EnvironmentOptions): Promise<NodeJS.ProcessEnv> {
  return (await prepareEnvironment(options)).environment;
}

/**
 * This process's environment with the tools first on PATH, and with pulumi's home, backend and passphrase set to
 * those of the project. What the user set wins: PULUMI_BACKEND_URL (or `backend.url` in Pulumi.yaml),
 * PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE, KUBECONFIG.
 */
export async function prepareEnvironment(options: EnvironmentOptions): Promise<ToolEnvironment> {
  const folder = resolve(options.stateFolder ?? (await ensureStateFolder(options.projectFolder)));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const tools: Partial<Record<ToolName, Tool>> = await ensureTools(options.tools ?? DEFAULT_TOOLS, options);
  const bin = join(folder, "bin");
  await mkdir(bin, { recursive: true, mode: 0o700 });
  await writeLauncher(bin, "node", process.execPath);
  for (const tool of Object.values(tools)) await writeLauncher(bin, tool.name, tool.path);
  const environment: NodeJS.ProcessEnv = { ...process.env };
  const plugins = tools.pulumi ? await choosePlugins(tools.pulumi, options) : [];
  if (tools.pulumi)
    Object.assign(environment, await pulumiEnvironment(folder, bin, tools.pulumi, plugins, options));
  for (const [name, value] of Object.entries(environment)) if (value === undefined) delete environment[name];
  environment.PATH = `${bin}${delimiter}${process.env.PATH ?? ""}`;
  if (options.kubeconfig !== undefined) environment.KUBECONFIG = options.kubeconfig;
  return { environment, tools, plugins };
}

async function pulumiEnvironment(
  folder: string,
  bin: string,
  pulumi: Tool,
  plugins: PluginChoice[],
  options: EnvironmentOptions,
): Promise<NodeJS.ProcessEnv> {
  const home = join(folder, "pulumi-home");
  await mkdir(join(home, "plugins"), { recursive: true, mode: 0o700 });
  for (const plugin of plugins) await linkPlugin(join(home, "plugins"), plugin);
  await withoutAutomaticLog(home);
  return {
    PULUMI_HOME: home,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // Program, providers and plugins are Node processes that load the same modules at every run.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(cacheFolder(), "node-compile-cache"),
    ...(await ambientPlugins(bin, pulumi, plugins)),
    ...(await backend(folder, options)),
  };
}

/**
 * pulumi would take any `pulumi-language-nodejs` of PATH, of whatever version, before its own. It is told not to,
 * except where a stand-in is wanted in place of the host that lies beside an official pulumi.
 */
async function ambientPlugins(
  bin: string,
  pulumi: Tool,
  plugins: PluginChoice[],
): Promise<NodeJS.ProcessEnv> {
  const inFront = plugins.filter(
    (plugin) => plugin.source === "stand-in" && existsSync(join(dirname(pulumi.path), programName(plugin))),
  );
  for (const name of ["pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"]) {
    const plugin = inFront.find((candidate) => programName(candidate) === name);
    if (plugin) await writeLauncher(bin, name, plugin.path);
    else await rm(join(bin, name), { force: true });
  }
  if (inFront.length > 0) return { PULUMI_IGNORE_AMBIENT_PLUGINS: undefined };
  return { PULUMI_IGNORE_AMBIENT_PLUGINS: process.env.PULUMI_IGNORE_AMBIENT_PLUGINS ?? "true" };
}

/** Where the state goes and what encrypts it. */
async function backend(folder: string, options: EnvironmentOptions): Promise<NodeJS.ProcessEnv> {
  const state = join(folder, "state");
  const { PULUMI_BACKEND_URL, PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE } = process.env;
  const chosen: NodeJS.ProcessEnv = {};
  if (
    !options.ignoreUserBackend &&
    (PULUMI_BACKEND_URL || (await readProjectFile(options.projectFolder)).backendUrl)
  ) {
    // the user's own log-in; the home that we set has none
    chosen.PULUMI_CREDENTIALS_PATH =
      process.env.PULUMI_CREDENTIALS_PATH ?? process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");
  } else {
    await mkdir(state, { recursive: true, mode: 0o700 });
    // Without sidecar files (*.attrs): they aren't written atomically, and with a torn one the state cannot be read.
    chosen.PULUMI_BACKEND_URL = `${pathToFileURL(state).href}?metadata=skip`;
  }
  const hasPassphrase = PULUMI_CONFIG_PASSPHRASE !== undefined || PULUMI_CONFIG_PASSPHRASE_FILE !== undefined;
  if (options.ignoreUserBackend || !hasPassphrase) {
    chosen.PULUMI_CONFIG_PASSPHRASE_FILE = await ensurePassphrase(folder, state);
    chosen.PULUMI_CONFIG_PASSPHRASE = undefined;
  }
  return chosen;
}

/**
 * Puts a plugin where pulumi looks for installed ones: a folder of the right name with a link to the program. (On
 * PATH it would work as well, with a warning at every run.)
 */
async function linkPlugin(plugins: string, plugin: PluginChoice): Promise<void> {
  const folder = join(plugins, folderName(plugin));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, programName(plugin));
  if ((await readlink(path).catch(() => undefined)) === plugin.path) return;
  const temporary = `${path}.${process.pid}.tmp`;
  await rm(temporary, { force: true });
  await symlink(plugin.path, temporary);
  await rename(temporary, path);
}

/** A program under its own name in a folder of ours, so that nothing else of its real folder comes onto PATH. */
async function writeLauncher(bin: string, name: string, program: string): Promise<void> {
  const path = join(bin, name);
  const text = `${LAUNCHER_START}exec '${program.replaceAll("'", "'\\''")}' "$@"\n`;
  if ((await readFile(path, "utf8").catch(() => undefined)) === text) return;
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode: 0o755 });
  await chmod(temporary, 0o755);
  await rename(temporary, path);
}

/** One line for people: which language host and plugins are in use. */
export function pluginSummary(plugins: PluginChoice[]): string {
  const names = (of: PluginChoice[]) =>
    of.map((p) => (p.kind === "language" ? "language host" : p.name)).join(", ");
  const standIns = plugins.filter((plugin) => plugin.source === "stand-in");
  const official = plugins.filter((plugin) => plugin.source !== "stand-in");
  if (standIns.length === 0) return "Pulumi's official language host and plugins are in use.";
  const why =
    standInMode() === "always" ? "as EDGEFLOCK_STAND_INS says" : "the official ones cannot be had here";
  const rest = official.length > 0 ? ` Official: ${names(official)}.` : "";
  return `Edgeflock's stand-ins are in use for: ${names(standIns)} (${why}).${rest}`;
}
