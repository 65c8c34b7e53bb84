// The program of the builder "native": run in a work folder, it compiles input/source for this host and leaves
// an ESP app image, partition table, otadata and flasher_args.json in output/. Starts the compiler.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import type { SensorRequest } from "../contract.ts";
import { BUILD_HEADER, buildHeader } from "../esp32/build-header.ts";
import { FLASHER_ARGS, writeFlasherArgs } from "../flasher-args.ts";
import {
  APP_OFFSET,
  OTADATA_OFFSET,
  otadata,
  otaPartitions,
  TABLE_OFFSET,
  writePartitionTable,
} from "../partitions/index.ts";
import { wrapHostExecutable } from "./host-executable.ts";

interface ClassFacts {
  chip: string;
  flashSize: string;
  config: { label: string; size: number };
  sensors: SensorRequest[];
  encryption?: { scheme: "hmac" | "flash" };
}

/** Strict, portable, and the same bytes each time: no paths, no times, no ids. */
const COMPILE = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-ffunction-sections"];
/** On Linux the executable needs nothing of the machine it runs on; elsewhere there is no static C library. */
const LINK =
  process.platform === "linux" ? ["-static", "-s", "-Wl,--build-id=none", "-Wl,--gc-sections"] : [];

async function main(): Promise<void> {
  const compiler = JSON.parse(process.env.EDGEFLOCK_CXX ?? '["c++"]') as string[];
  const { version } = JSON.parse(await readFile("input/args.json", "utf8")) as { version: string };
  const facts = JSON.parse(await readFile("input/class.json", "utf8")) as ClassFacts;
  const executable = await compile(compiler, facts, version);
  const image = wrapHostExecutable({
    chip: facts.chip,
    projectName: "edgeflock-native",
    version,
    executable: await readFile(executable),
  });
  const files = [
    { offset: TABLE_OFFSET, name: "partition-table", path: "partition-table.bin" },
    { offset: OTADATA_OFFSET, name: "otadata", path: "ota_data_initial.bin" },
    { offset: APP_OFFSET, name: "app", path: "firmware.bin" },
  ];
  const table = otaPartitions(facts.flashSize, facts.config, facts.encryption?.scheme === "flash");
  const contents = [writePartitionTable(table), otadata(0), image];
  for (const [index, { path }] of files.entries()) await writeFile(join("output", path), contents[index]!);
  // "keep": esptool would else patch these settings into images
  const settings = { mode: "keep", frequency: "keep", size: "keep" };
  await writeFile(join("output", FLASHER_ARGS), writeFlasherArgs({ chip: facts.chip, ...settings, files }));
}

/** @returns the path of the executable */
async function compile(compiler: string[], facts: ClassFacts, version: string): Promise<string> {
  const objects = resolve("tmp", "objects");
  await mkdir(objects, { recursive: true });
  const header = { board: "native", chip: facts.chip, version, configLabel: facts.config.label };
  await writeFile(join(objects, BUILD_HEADER), buildHeader({ ...header, sensors: facts.sensors }));
  const sources = (await readdir("input/source", { recursive: true }))
    .filter((name) => /^(core|drivers|boards\/native)\/.*\.cpp$/.test(name))
    .sort();
  const flags = [...COMPILE, `-ffile-prefix-map=${objects}=.`, "-I", objects, "-I", "."];
  const jobs = sources.map((source) => ({
    source,
    object: join(objects, `${source.replaceAll("/", "-")}.o`),
  }));
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let job = jobs[next++]; job; job = jobs[next++]) {
      console.log(`compiling ${job.source} (${jobs.indexOf(job) + 1} of ${jobs.length})`);
      await run([...compiler, ...flags, "-c", job.source, "-o", job.object]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker));
  console.log("linking");
  const executable = join(objects, "firmware");
  await run([...compiler, ...jobs.map(({ object }) => object), ...LINK, "-o", executable]);
  return executable;
}

async function run([program, ...args]: string[]): Promise<void> {
  // relative paths, so that no path of this machine gets into the objects
  const child = spawn(program!, args, { cwd: "input/source", stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) {
    console.error(`${program} failed`);
    process.exit(1);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof VisibleError ? error.message : error);
  process.exitCode = 1;
});
