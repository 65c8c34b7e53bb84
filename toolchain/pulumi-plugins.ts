// Which language host and plugins pulumi uses: the official ones, else our stand-ins. Starts pulumi to install some.
import { existsSync, lstatSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";
import { cacheEntry } from "./cache-entry.ts";
import { cacheFolder } from "./cache-folder.ts";
import { checkServed } from "./download.ts";
import { thisPlatform } from "./official-files.ts";
import { findOnPath } from "./path-lookup.ts";
import { preparedTools } from "./prepared-tools.ts";
import { quiet } from "./progress.ts";
import { downloadAddress, Unreachable } from "./reachable.ts";
import { CommandError, lastLines, runCommand } from "./run-command.ts";
import { toolchainFile } from "./toolchain-file.ts";
import type { Tool, ToolOptions } from "./tools.ts";
import { PINNED_SHA256, PULUMI, PULUMI_PLUGINS, type PulumiPlugin } from "./versions.ts";

export interface PluginChoice {
  kind: "language" | "resource";
  /** As pulumi calls it: "nodejs", "pulumi-nodejs", "kubernetes", … */
  name: string;
  version: string;
  source: Tool["source"];
  /** The program. */
  path: string;
}

const STAND_IN_MODES = ["auto", "always", "never"] as const;
export type StandInMode = (typeof STAND_IN_MODES)[number];

/** `EDGEFLOCK_STAND_INS`: whether stand-ins are used where needed (the default), always, or never. */
export function standInMode(environment: NodeJS.ProcessEnv = process.env): StandInMode {
  const chosen = environment.EDGEFLOCK_STAND_INS || "auto";
  const mode = STAND_IN_MODES.find((known) => known === chosen);
  if (mode) return mode;
  throw new VisibleError(`EDGEFLOCK_STAND_INS is "${chosen}"; it takes ${STAND_IN_MODES.join(", ")}.`);
}

/** "pulumi-resource-random" */
export function programName(plugin: Pick<PluginChoice, "kind" | "name">): string {
  return `pulumi-${plugin.kind}-${plugin.name}`;
}

/**
 * One choice for each of the language host, the dynamic providers' host and the three plugins. What is official is
 * always preferred; where it is missing it is installed, unless `install` is false.
 *
 * @throws VisibleError where `EDGEFLOCK_STAND_INS=never` and an official one cannot be had
 */
export async function choosePlugins(
  pulumi: Tool,
  options: ToolOptions & { install?: boolean } = {},
): Promise<PluginChoice[]> {
  const prepared = preparedTools();
  if (prepared) return prepared.plugins.map((each) => (each.source === "stand-in" ? standIn(each) : each));
  const mode = standInMode();
  const choices: PluginChoice[] = [];
  for (const plugin of WANTED) {
    const official = mode === "always" ? undefined : await officialPlugin(plugin, pulumi, options);
    if (!official && mode === "never") throw standInsForbidden(plugin);
    choices.push(official ?? standIn(plugin));
  }
  return choices;
}

type WantedPlugin = Pick<PluginChoice, "kind" | "name" | "version">;

const WANTED: WantedPlugin[] = [
  { kind: "language", name: "nodejs", version: PULUMI },
  { kind: "resource", name: "pulumi-nodejs", version: PULUMI },
  ...(Object.entries(PULUMI_PLUGINS) as [PulumiPlugin, string][]).map(
    ([name, version]) => ({ kind: "resource", name, version }) as const,
  ),
];

function standIn({ kind, name, version }: WantedPlugin): PluginChoice {
  const plugin = { kind, name, version };
  return { ...plugin, source: "stand-in", path: toolchainFile("stand-ins", "bin", programName(plugin)) };
}

async function officialPlugin(
  plugin: WantedPlugin,
  pulumi: Tool,
  options: ToolOptions & { install?: boolean },
): Promise<PluginChoice | undefined> {
  const program = programName(plugin);
  if (plugin.name === "nodejs" || plugin.name === "pulumi-nodejs") {
    const beside = join(dirname(pulumi.path), program);
    // a pulumi of PATH that was found to fit has its language host there too
    const path = existsSync(beside)
      ? beside
      : pulumi.source === "path"
        ? (await findOnPath(program))[0]
        : undefined;
    return path === undefined ? undefined : { ...plugin, source: pulumi.source, path };
  }
  const users = join(userPulumiHome(), "plugins", folderName(plugin), program);
  // A link is ours: of a pulumi home that another run of Edgeflock set up.
  if (lstatSync(users, { throwIfNoEntry: false })?.isFile())
    return { ...plugin, source: "path", path: users };
  const cached = join(cacheFolder(), cacheName(plugin), "plugins", folderName(plugin), program);
  if (existsSync(cached)) return { ...plugin, source: "download", path: cached };
  if (options.install === false || !(await installPlugin(plugin, pulumi, options))) return undefined;
  return { ...plugin, source: "download", path: cached };
}

const PLUGIN_SERVER = "https://get.pulumi.com/releases/plugins";

/** `pulumi plugin install` into the cache; false where it cannot be had, and only surprises are said. */
async function installPlugin(plugin: WantedPlugin, pulumi: Tool, options: ToolOptions): Promise<boolean> {
  const progress = options.progress ?? quiet;
  const what = `pulumi plugin ${plugin.name} ${plugin.version}`;
  try {
    await checkServed(`${PLUGIN_SERVER}/${archiveName(plugin)}`, options.signal);
    const server = downloadAddress(PLUGIN_SERVER);
    await cacheEntry(
      cacheName(plugin),
      (partial) =>
        progress.step(`Downloading ${what}`, async (step) => {
          const args = [
            "plugin",
            "install",
            plugin.kind,
            plugin.name,
            plugin.version,
            "--server",
            server.href,
          ];
          const pin = PINNED_SHA256[archiveName(plugin)];
          await runCommand([pulumi.path, ...args, ...(pin ? ["--checksum", pin] : [])], {
            cwd: partial,
            env: { ...process.env, ...quietPulumi(partial) },
            onLine: (line) => step.note(line),
            signal: options.signal,
          });
        }),
      { what, progress, signal: options.signal },
    );
    return true;
  } catch (error) {
    if (error instanceof Unreachable) return false;
    if (!(error instanceof CommandError)) throw error;
    progress.say(
      `The official ${what} is not used, pulumi could not install it:${lastLines(error.output, 3)}`,
    );
    return false;
  }
}

/** Keeps a helper run of pulumi away from the user's own pulumi, and from asking anything. */
function quietPulumi(home: string): NodeJS.ProcessEnv {
  return {
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: "file://~",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_IGNORE_AMBIENT_PLUGINS: "true",
    NO_COLOR: "1",
  };
}

/** Where the user's own pulumi keeps plugins. */
function userPulumiHome(): string {
  return process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");
}

/** The folder of a plugin below `plugins/`, as pulumi names it. */
export function folderName(plugin: WantedPlugin): string {
  return `${plugin.kind}-${plugin.name}-v${plugin.version}`;
}

function cacheName(plugin: WantedPlugin): string {
  const { os, arch } = thisPlatform();
  return `download/pulumi-plugin-${plugin.name}-${plugin.version}-${os}-${arch}`;
}

function archiveName(plugin: WantedPlugin): string {
  const { os, arch } = thisPlatform();
  return `${programName(plugin)}-v${plugin.version}-${os}-${arch === "x64" ? "amd64" : arch}.tar.gz`;
}

function standInsForbidden(plugin: WantedPlugin): VisibleError {
  return new VisibleError(
    `The official ${programName(plugin)} ${plugin.version} cannot be had here, and EDGEFLOCK_STAND_INS=never.`,
    {
      hint: `Install pulumi ${PULUMI} from pulumi.com and run "pulumi plugin install resource ${plugin.name} ${plugin.version}", or leave EDGEFLOCK_STAND_INS away.`,
    },
  );
}
