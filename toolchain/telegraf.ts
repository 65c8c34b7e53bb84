// Telegraf for the tests of its configuration: from PATH, else built with only the plugins that we write for.
// Starts processes, writes to the cache.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheEntry, contentKey } from "./cache-entry.ts";
import { goBuild } from "./go.ts";
import { findOnPath } from "./path-lookup.ts";
import { quiet } from "./progress.ts";
import { toolchainFile } from "./toolchain-file.ts";
import type { ToolOptions } from "./tools.ts";

/** Of a "custom" build; see tools/custom_builder in Telegraf's repository. */
const TAGS = ["custom", "inputs.mqtt_consumer", "outputs.influxdb", "parsers.value"];
const VERSION = "1.37.2";

/** Path of the program. The build takes about half a minute. */
export async function ensureTelegraf(options: ToolOptions = {}): Promise<string> {
  const [onPath] = await findOnPath("telegraf");
  if (onPath) return onPath;
  const module = toolchainFile("go", "telegraf");
  const pins = await Promise.all(["go.mod", "go.sum"].map((file) => readFile(join(module, file), "utf8")));
  const name = `built/telegraf-${contentKey(...pins, ...TAGS)}-${process.platform}-${process.arch}`;
  const progress = options.progress ?? quiet;
  const build = {
    module,
    packages: ["github.com/influxdata/telegraf/cmd/telegraf"],
    variables: { "github.com/influxdata/telegraf/internal.Version": VERSION },
    tags: TAGS,
    what: `Telegraf ${VERSION}`,
  };
  const folder = await cacheEntry(
    name,
    (output) => goBuild({ ...build, output }, { progress, signal: options.signal }),
    { what: build.what, progress, signal: options.signal },
  );
  const program = join(folder, "telegraf");
  if (!existsSync(program)) throw new Error(`${folder} holds no telegraf`);
  return program;
}
