// The program of the builder "esp-rs": run in a work folder, it builds input/source with cargo and leaves an
// application image, bootloader, partition table, otadata and flasher_args.json in output/.
// Starts cargo and esptool; cargo fetches crates into its own folder.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import { RISCV_TARGET, type RiscvRust } from "../../toolchain/riscv-rust.ts";
import { withFlashSize } from "../app-image.ts";
import { chipNamed } from "../chips.ts";
import { FLASHER_ARGS, writeFlasherArgs } from "../flasher-args.ts";
import { librariesOf } from "../libraries.ts";
import {
  APP_OFFSET,
  OTADATA_OFFSET,
  otadata,
  otaPartitions,
  TABLE_OFFSET,
  writePartitionTable,
} from "../partitions/index.ts";
import { makeSbom, SBOM } from "../sbom.ts";
import { bootloaderCrate, fetchBootloader } from "./bootloader.ts";

interface Arguments {
  version: string;
  /** Default: the package's only program. */
  bin?: string;
  features?: string[];
}

interface ClassFacts {
  chip: string;
  flashSize: string;
  config: { label: string; size: number };
  encryption?: { scheme: "hmac" | "flash" };
}

const FLASH = { mode: "dio", frequency: "80m" };
const MANIFEST = "input/source/Cargo.toml";
const { rust, esptool } = JSON.parse(process.env.EDGEFLOCK_ESP_RS ?? "{}") as {
  rust: RiscvRust;
  esptool: string[];
};

async function main(): Promise<void> {
  const args = JSON.parse(await readFile("input/args.json", "utf8")) as Arguments;
  const facts = JSON.parse(await readFile("input/class.json", "utf8")) as ClassFacts;
  // crates first, so that a registry that cannot be reached is what the error is about
  console.log("fetching crates");
  await cargo(
    ["fetch", "--locked", "--target", RISCV_TARGET, "--manifest-path", MANIFEST, ...libraryFlags()],
    facts,
    args,
  );
  const bootloader = await fetchBootloader(facts.chip, (words) => cargo(words, facts, args));
  const executable = await compile(facts, args);
  await run(
    [
      ...[...esptool, "--chip", facts.chip, "elf2image", "--flash-mode", FLASH.mode],
      ...["--flash-freq", FLASH.frequency, "--flash-size", facts.flashSize],
      ...["--output", "output/firmware.bin", executable],
    ],
    process.env,
  );
  const files = [
    { offset: chipNamed(facts.chip)!.bootloaderOffset, name: "bootloader", path: "bootloader.bin" },
    { offset: TABLE_OFFSET, name: "partition-table", path: "partition-table.bin" },
    { offset: OTADATA_OFFSET, name: "otadata", path: "ota_data_initial.bin" },
    { offset: APP_OFFSET, name: "app", path: "firmware.bin" },
  ];
  const table = otaPartitions(facts.flashSize, facts.config, facts.encryption?.scheme === "flash");
  await writeFile("output/bootloader.bin", withFlashSize(bootloader, facts.flashSize, "the bootloader"));
  await writeFile("output/partition-table.bin", writePartitionTable(table));
  await writeFile("output/ota_data_initial.bin", otadata(0));
  await writeBillOfMaterials(
    args,
    files.map(({ path }) => path),
  );
  const { chip, flashSize: size } = facts;
  await writeFile(join("output", FLASHER_ARGS), writeFlasherArgs({ chip, ...FLASH, size, files }));
}

/** The crates of the program, and the one that brings the bootloader. */
async function writeBillOfMaterials({ version, bin }: Arguments, paths: string[]): Promise<void> {
  const images = new Map<string, Uint8Array>();
  for (const path of paths) images.set(path, await readFile(join("output", path)));
  const libraries = [...(await librariesOf("input/source")), await bootloaderCrate()];
  await writeFile(join("output", SBOM), makeSbom({ name: bin ?? "firmware", version, images, libraries }));
}

/** @returns the path of the ELF file */
async function compile(facts: ClassFacts, args: Arguments): Promise<string> {
  const program = args.bin === undefined ? [] : ["--bin", args.bin];
  const features = args.features?.length ? ["--features", args.features.join(",")] : [];
  console.log(`compiling with rustc ${rust.version}`);
  const messages = await cargo(
    [
      ...["build", "--release", "--locked", "--offline", "--message-format=json-render-diagnostics"],
      ...["--manifest-path", MANIFEST, "--target", RISCV_TARGET, ...program, ...features, ...libraryFlags()],
    ],
    facts,
    args,
  );
  const executables = messages.split("\n").flatMap((line) => {
    const { executable } = (line.startsWith("{") ? JSON.parse(line) : {}) as { executable?: string | null };
    return executable ?? [];
  });
  const [first] = executables;
  if (executables.length === 1 && first !== undefined) return first;
  throw new VisibleError(
    executables.length === 0
      ? "cargo built no program"
      : "cargo built several programs: name one in args.bin",
  );
}

function libraryFlags(): string[] {
  return rust.buildLibrary ? ["-Zbuild-std=core,alloc"] : [];
}

async function cargo(words: string[], facts: ClassFacts, args: Arguments): Promise<string> {
  const environment = {
    ...process.env,
    RUSTC: rust.rustc,
    CARGO_TARGET_DIR: resolve("tmp", "target"),
    CARGO_TERM_COLOR: "never",
    // the only compiler that builds its own library is an unstable one, or one that is told to behave so
    ...(rust.buildLibrary && { RUSTC_BOOTSTRAP: "1" }),
    CARGO_ENCODED_RUSTFLAGS: compilerFlags().join("\x1f"),
    EDGEFLOCK_VERSION: args.version,
    EDGEFLOCK_CHIP: facts.chip,
    EDGEFLOCK_CONFIG_LABEL: facts.config.label,
  };
  return await run([rust.cargo, ...words], environment);
}

/** No path of this machine gets into the image, or two machines would build two images. */
function compilerFlags(): string[] {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
  const renamed: [string, string][] = [
    [resolve("input", "source"), "firmware"],
    [resolve("tmp", "target"), "target"],
    [cargoHome, "cargo"],
    [join(rust.sysroot, "lib", "rustlib", "src", "rust"), "rust"],
  ];
  return [
    ...(rust.linker === undefined ? [] : ["-C", `linker=${rust.linker}`, "-C", "linker-flavor=ld.lld"]),
    ...["-C", "link-arg=-Tlinkall.x"],
    ...renamed.map(([from, to]) => `--remap-path-prefix=${from}=/${to}`),
  ];
}

/** What the program says on stderr goes on as our own. @returns what it wrote to stdout */
async function run([program, ...args]: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(program!, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code === 0) return said;
  if (!said.startsWith("{")) process.stderr.write(said);
  throw new VisibleError(`${program} failed`);
}

main().catch((error: unknown) => {
  console.error(error instanceof VisibleError ? error.message : error);
  process.exitCode = 1;
});
