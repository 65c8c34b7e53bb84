// The program of the builder "native": run in a work folder, it compiles input/source for this host and leaves
// an ESP app image, partition table, otadata and flasher_args.json in output/. Starts the compiler.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import { cacheEntry, contentKey } from "../../toolchain/cache-entry.ts";
import { type Mbedtls, mbedtls } from "../../toolchain/mbedtls.ts";
import type { Progress } from "../../toolchain/progress.ts";
import type { ConfigPartition, SensorRequest } from "../contract.ts";
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
import { makeSbom, SBOM } from "../sbom.ts";
import { hashSourceTree } from "../source-tree.ts";
import { COMPILE, COMPILER_VARIABLE, type HostCompiler, IMAGE_COMPILER, LINK } from "./compiler.ts";
import { wrapHostExecutable } from "./host-executable.ts";
import { linkedLibraries } from "./linked-libraries.ts";

/** Lines for whoever shows this builder's output. */
const plainProgress: Progress = {
  step: (title, work) => {
    console.log(title);
    return work({ note() {} });
  },
  say: (line) => console.log(line),
};

interface ClassFacts {
  chip: string;
  flashSize: string;
  config: ConfigPartition;
  sensors: SensorRequest[];
  encryption?: { scheme: "hmac" | "flash" };
}

const PROJECT = "edgeflock-native";

/** Those of the sources whose meaning a class decides: they include edgeflock_build.h. */
const OF_CLASS = ["boards/native/main.cpp", "drivers/drivers.cpp"];

async function main(): Promise<void> {
  const compiler = hostCompiler();
  const { version } = JSON.parse(await readFile("input/args.json", "utf8")) as { version: string };
  const facts = JSON.parse(await readFile("input/class.json", "utf8")) as ClassFacts;
  const tls = await library(compiler, "input/source");
  const executable = await compile(compiler, tls, facts, version);
  const image = wrapHostExecutable({
    chip: facts.chip,
    projectName: PROJECT,
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
  const images = new Map(files.map(({ path }, index) => [path, contents[index]!]));
  for (const [path, content] of images) await writeFile(join("output", path), content);
  const libraries = await linkedLibraries(compiler, tls);
  await writeFile(join("output", SBOM), makeSbom({ name: PROJECT, version, images, libraries }));
  // "keep": esptool would else patch these settings into images
  const settings = { mode: "keep", frequency: "keep", size: "keep" };
  await writeFile(join("output", FLASHER_ARGS), writeFlasherArgs({ chip: facts.chip, ...settings, files }));
}

/** Builder.ts says which it found; in a container it is the image's own. */
function hostCompiler(): HostCompiler {
  const told = process.env[COMPILER_VARIABLE];
  return told ? (JSON.parse(told) as HostCompiler) : IMAGE_COMPILER;
}

function library(compiler: HostCompiler, source: string): Promise<Mbedtls> {
  return mbedtls({
    compiler: compiler.command,
    identity: compiler.identity,
    config: resolve(source, "boards", "native", "mbedtls_config.h"),
    progress: plainProgress,
  });
}

/** @returns the path of the executable */
async function compile(
  compiler: HostCompiler,
  tls: Mbedtls,
  facts: ClassFacts,
  version: string,
): Promise<string> {
  const objects = resolve("tmp", "objects");
  await mkdir(objects, { recursive: true });
  const header = { board: "native", chip: facts.chip, version, configLabel: facts.config.label };
  await writeFile(join(objects, BUILD_HEADER), buildHeader({ ...header, sensors: facts.sensors }));
  const common = await commonObjects(compiler, tls);
  const own = await compileAll(compiler, OF_CLASS, objects, [...tls.flags, "-I", objects]);
  console.log("linking");
  const executable = join(objects, "firmware");
  await run([...compiler.command, ...own, ...common, ...tls.objects, ...LINK, "-o", executable]);
  return executable;
}

/** What all classes have in common is compiled once for each source tree, compiler and library. */
async function commonObjects(compiler: HostCompiler, tls: Mbedtls): Promise<string[]> {
  const sources = (await readdir("input/source", { recursive: true }))
    .filter((name) => /^(core|drivers|boards\/native)\/.*\.cpp$/.test(name) && !OF_CLASS.includes(name))
    .sort();
  const key = contentKey(
    await hashSourceTree("input/source"),
    compiler.identity,
    basename(dirname(tls.include)),
    JSON.stringify([COMPILE, sources]),
  );
  const folder = await cacheEntry(
    join("native-firmware", key),
    async (into) => void (await compileAll(compiler, sources, into, tls.flags)),
    { what: "the native firmware's objects", progress: plainProgress },
  );
  return sources.map((source) => join(folder, objectName(source)));
}

/** @returns the objects' paths */
async function compileAll(
  { command }: HostCompiler,
  sources: readonly string[],
  into: string,
  flags: readonly string[],
): Promise<string[]> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let source = sources[next++]; source; source = sources[next++]) {
      console.log(`compiling ${source} (${sources.indexOf(source) + 1} of ${sources.length})`);
      await run([...command, ...COMPILE, ...flags, "-c", source, "-o", join(into, objectName(source))]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker));
  return sources.map((source) => join(into, objectName(source)));
}

const objectName = (source: string): string => `${source.replaceAll("/", "-")}.o`;

async function run([program, ...args]: string[]): Promise<void> {
  // relative paths, so that no path of this machine gets into the objects
  const child = spawn(program!, args, { cwd: "input/source", stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new VisibleError(`${program} failed`);
}

main().catch((error: unknown) => {
  console.error(error instanceof VisibleError ? error.message : error);
  process.exitCode = 1;
});
