// Tools that were put together beforehand, as in the reconciler's image: where EDGEFLOCK_TOOLS names their folder,
// nothing is looked for, downloaded or built. Reads that folder; fills it while the image is made.
import { readFileSync } from "node:fs";
import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";
import type { PluginChoice } from "./pulumi-plugins.ts";
import type { Tool } from "./tools.ts";

/** With paths below its folder; a stand-in has none, as it comes with Edgeflock, wherever that is. */
export interface PreparedTools {
  tools: Tool[];
  plugins: PluginChoice[];
}

export const TOOLS_VARIABLE = "EDGEFLOCK_TOOLS";
const LIST = "tools.json";

/** Undefined where nobody prepared any. @throws VisibleError where the folder is none */
export function preparedTools(environment: NodeJS.ProcessEnv = process.env): PreparedTools | undefined {
  const folder = environment[TOOLS_VARIABLE];
  if (!folder) return undefined;
  const { tools, plugins } = read(folder);
  const inside = <T extends { path: string; source: Tool["source"] }>(each: T): T =>
    each.source === "stand-in" ? each : { ...each, path: join(folder, each.path) };
  return { tools: tools.map(inside), plugins: plugins.map(inside) };
}

function read(folder: string): PreparedTools {
  try {
    return JSON.parse(readFileSync(join(folder, LIST), "utf8")) as PreparedTools;
  } catch (cause) {
    throw new VisibleError(`${TOOLS_VARIABLE} is "${folder}", and no list of tools can be read there.`, {
      hint: `Unset ${TOOLS_VARIABLE}: it is for images that "edgeflock reconcile image" made.`,
      cause,
    });
  }
}

/** Copies the programs into the folder, with the list that {@link preparedTools} reads. */
export async function prepareTools(folder: string, { tools, plugins }: PreparedTools): Promise<void> {
  const copied: PreparedTools = { tools: [], plugins: [] };
  for (const tool of tools) copied.tools.push({ ...tool, path: await copyInto(folder, "", tool.path) });
  const beside = new Set(tools.map(({ path }) => dirname(path)));
  for (const plugin of plugins) {
    if (plugin.source === "stand-in") {
      copied.plugins.push({ ...plugin, path: "" });
      continue;
    }
    // pulumi's own language host stays beside it
    const part = beside.has(dirname(plugin.path)) ? "" : `plugins/${plugin.kind}-${plugin.name}`;
    copied.plugins.push({ ...plugin, path: await copyInto(folder, part, plugin.path) });
  }
  await writeFile(join(folder, LIST), `${JSON.stringify(copied, null, 2)}\n`);
}

async function copyInto(folder: string, part: string, program: string): Promise<string> {
  const path = join(part, basename(program));
  await mkdir(join(folder, part), { recursive: true });
  await copyFile(program, join(folder, path));
  await chmod(join(folder, path), 0o755);
  return path;
}
