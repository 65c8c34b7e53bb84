// The tools that Edgeflock needs: taken from PATH, downloaded, or built. Starts processes, writes to the cache.
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as tar from "tar";
import { VisibleError } from "../model/visible-error.ts";
import { cacheEntry, contentKey } from "./cache-entry.ts";
import { cacheFolder } from "./cache-folder.ts";
import { checkServed, DownloadFailed, download, NotAsPublished } from "./download.ts";
import { goBuild } from "./go.ts";
import { type OfficialTool, officialTool, thisPlatform } from "./official-files.ts";
import { findOnPath } from "./path-lookup.ts";
import { preparedTools, TOOLS_VARIABLE } from "./prepared-tools.ts";
import { type Progress, quiet } from "./progress.ts";
import { esptoolOnPath, pythonEnvironment, pythonEnvironmentIfThere } from "./python.ts";
import { Unreachable } from "./reachable.ts";
import {
  type BuildSet,
  fittingOnPath,
  GO_TOOLS,
  type GoToolName,
  LINKER_VARIABLES,
  NODE_TOOL_NAMES,
  TOOL_NAMES,
  type ToolName,
} from "./tool-definitions.ts";
import { toolchainFile } from "./toolchain-file.ts";

export { NODE_TOOL_NAMES, TOOL_NAMES, type ToolName };

export interface Tool {
  name: string;
  /** The program, an absolute path. */
  path: string;
  version: string;
  source: "path" | "download" | "registry build" | "stand-in";
}

export interface ToolOptions {
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** The tool, made ready where it is not there yet. */
export async function ensureTool(name: ToolName, options: ToolOptions = {}): Promise<Tool> {
  const tools = await ensureTools([name], options);
  return tools[name];
}

/** Several tools; what has to be built from one Go module is built in one go. */
export async function ensureTools<N extends ToolName>(
  names: readonly N[],
  options: ToolOptions = {},
): Promise<Record<N, Tool>> {
  const prepared = preparedTools();
  if (prepared) return allOf(names, prepared.tools);
  const tools: Partial<Record<ToolName, Tool>> = {};
  const missing: GoToolName[] = [];
  for (const name of names as readonly ToolName[]) {
    if (name === "esptool") tools.esptool = await ensureEsptool(options);
    else {
      const tool =
        (await findPreferred(name)) ?? (await downloadTool(name, options)) ?? (await builtTool(name));
      if (tool) tools[name] = tool;
      else missing.push(name);
    }
  }
  for (const set of ["kubernetes", "kubernetes-node", "pulumi"] as const) {
    const wanted = missing.filter((name) => GO_TOOLS[name].set === set);
    if (wanted.length > 0) Object.assign(tools, await buildTools(set, wanted, options));
  }
  return tools as Record<N, Tool>;
}

function allOf<N extends ToolName>(names: readonly N[], tools: readonly Tool[]): Record<N, Tool> {
  const found = names.map((name) => [name, tools.find((tool) => tool.name === name)] as const);
  const missing = found.filter(([, tool]) => tool === undefined).map(([name]) => name);
  if (missing.length === 0) return Object.fromEntries(found) as Record<N, Tool>;
  throw new VisibleError(
    `There is no ${missing.join(", ")} among the tools in ${process.env[TOOLS_VARIABLE]}.`,
    {
      hint: `Unset ${TOOLS_VARIABLE} to have them looked for elsewhere.`,
    },
  );
}

/** The tool if it is there: on PATH in a fitting version, or in the cache. Builds and downloads nothing. */
export async function findTool(name: ToolName): Promise<Tool | undefined> {
  const prepared = preparedTools();
  if (prepared) return prepared.tools.find((tool) => tool.name === name);
  if (name === "esptool") return findEsptool();
  return (await findPreferred(name)) ?? (await builtTool(name));
}

/**
 * What needs no look at the network first. pulumi's official download brings the official language host, so that
 * one is asked for before an earlier build is used.
 */
async function findPreferred(name: GoToolName): Promise<Tool | undefined> {
  const onPath = await fittingOnPath(name);
  if (onPath && (await isComplete(name, onPath.path))) return { name, ...onPath, source: "path" };
  const { version } = GO_TOOLS[name];
  const downloaded = join(cacheFolder(), downloadEntry(name), name);
  if (existsSync(downloaded)) return { name, path: downloaded, version, source: "download" };
  return name === "pulumi" ? undefined : builtTool(name);
}

/** The tool as built from a registry, if the cache has it. */
export async function builtTool(name: GoToolName): Promise<Tool | undefined> {
  for (const entry of await buildEntries(name)) {
    const path = join(cacheFolder(), entry, name);
    if (existsSync(path)) return { name, path, version: GO_TOOLS[name].version, source: "registry build" };
  }
  return undefined;
}

/** A pulumi without its language host beside it (or on PATH) cannot run a program of ours. */
async function isComplete(name: ToolName, path: string): Promise<boolean> {
  if (name !== "pulumi") return true;
  const host = "pulumi-language-nodejs";
  return existsSync(join(dirname(path), host)) || (await findOnPath(host)).length > 0;
}

async function findEsptool(): Promise<Tool | undefined> {
  const onPath = await esptoolOnPath();
  if (onPath) return { name: "esptool", ...onPath, source: "path" };
  const own = await pythonEnvironmentIfThere("esptool");
  return own && esptoolOf(own);
}

async function ensureEsptool(options: ToolOptions): Promise<Tool> {
  return (await findEsptool()) ?? esptoolOf(await pythonEnvironment("esptool", options));
}

function esptoolOf(environment: { bin: string; version: string }): Tool {
  const { bin, version } = environment;
  return { name: "esptool", path: join(bin, "esptool"), version, source: "registry build" };
}

/** The official program, or nothing where it cannot be had; only what a person should know is said. */
async function downloadTool(name: GoToolName, options: ToolOptions): Promise<Tool | undefined> {
  const official = officialTool(name);
  if (!official) return undefined;
  const { version } = GO_TOOLS[name];
  const progress = options.progress ?? quiet;
  try {
    await checkServed(official.url, options.signal);
    const folder = await cacheEntry(
      downloadEntry(name),
      (partial) =>
        progress.step(`Downloading ${name} ${version}`, (step) =>
          fetchTool(name, official, partial, { signal: options.signal, note: (text) => step.note(text) }),
        ),
      { what: `${name} ${version}`, progress, signal: options.signal },
    );
    return { name, path: join(folder, name), version, source: "download" };
  } catch (error) {
    if (error instanceof Unreachable) return undefined;
    if (error instanceof DownloadFailed || error instanceof NotAsPublished) {
      progress.say(`The official ${name} is not used: ${error.message}`);
      return undefined;
    }
    throw error;
  }
}

async function fetchTool(
  name: string,
  official: OfficialTool,
  folder: string,
  options: { signal?: AbortSignal | undefined; note: (text: string) => void },
): Promise<void> {
  const scratch = await mkdtemp(join(folder, "fetched-"));
  const file = join(scratch, "file");
  await download(official, file, options);
  const { keep } = official;
  if (keep) {
    await tar.x({ file, cwd: scratch, filter: (path) => keep.test(path.split("/").at(-1) ?? "") });
    await moveKept(scratch, folder, keep);
  } else {
    await copyFile(file, join(folder, name));
  }
  await rm(scratch, { recursive: true });
  for (const program of await readdir(folder)) await chmod(join(folder, program), 0o755);
  if (!existsSync(join(folder, name))) throw new NotAsPublished(`The archive holds no ${name}.`);
}

async function moveKept(from: string, to: string, keep: RegExp): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && keep.test(entry.name)) {
      await rename(join(entry.parentPath, entry.name), join(to, entry.name));
    }
  }
}

/**
 * Builds what is wanted of one set. kubectl alone is built alone (many need only that); else all programs of the set
 * at once, because they share most of the work.
 */
async function buildTools(
  set: BuildSet,
  wanted: GoToolName[],
  options: ToolOptions,
): Promise<Partial<Record<GoToolName, Tool>>> {
  const alone = wanted.length === 1 && wanted[0] === "kubectl";
  const names = alone ? wanted : goToolsOf(set);
  const { module } = GO_TOOLS[names[0]!];
  const progress = options.progress ?? quiet;
  const what = alone || set === "pulumi" ? `${names[0]} ${GO_TOOLS[names[0]!].version}` : SET_TITLES[set];
  const folder = await cacheEntry(
    await buildEntry(alone ? "kubectl" : set),
    (partial) =>
      goBuild(
        {
          module: toolchainFile("go", module),
          packages: names.map((name) => GO_TOOLS[name].package),
          variables: LINKER_VARIABLES[module],
          output: partial,
          what,
        },
        { progress, signal: options.signal },
      ),
    { what, progress, signal: options.signal },
  );
  return Object.fromEntries(
    wanted.map((name) => {
      const tool: Tool = {
        name,
        path: join(folder, name),
        version: GO_TOOLS[name].version,
        source: "registry build",
      };
      return [name, tool];
    }),
  );
}

const SET_TITLES = {
  kubernetes: `Kubernetes ${GO_TOOLS.kubectl.version}`,
  "kubernetes-node": `a node of Kubernetes ${GO_TOOLS.kubelet.version}`,
};

function goToolsOf(set: BuildSet): GoToolName[] {
  return (Object.keys(GO_TOOLS) as GoToolName[]).filter((name) => GO_TOOLS[name].set === set);
}

function downloadEntry(name: GoToolName): string {
  const { os, arch } = thisPlatform();
  return `download/${name}-${GO_TOOLS[name].version}-${os}-${arch}`;
}

async function buildEntries(name: GoToolName): Promise<string[]> {
  const whole = await buildEntry(GO_TOOLS[name].set);
  return name === "kubectl" ? [whole, await buildEntry("kubectl")] : [whole];
}

/** Named after everything that goes into the build, so that a changed pin is another entry. */
async function buildEntry(built: BuildSet | "kubectl"): Promise<string> {
  const { os, arch } = thisPlatform();
  const module = built === "pulumi" ? "pulumi" : "kubernetes";
  const sums = await readFile(toolchainFile("go", module, "go.sum"), "utf8");
  const mod = await readFile(toolchainFile("go", module, "go.mod"), "utf8");
  const key = contentKey(sums, mod, JSON.stringify(LINKER_VARIABLES[module]));
  return `built/${built}-${key}-${os}-${arch}`;
}
