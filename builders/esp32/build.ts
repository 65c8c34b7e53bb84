// The program of the builder "esp32": run in a work folder, it writes a PlatformIO project for input/source, lets
// PlatformIO build it and leaves images and flasher_args.json in output/. Starts PlatformIO.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";
import type { ConfigPartition, SensorRequest } from "../contract.ts";
import { FLASHER_ARGS, writeFlasherArgs } from "../flasher-args.ts";
import { makeSbom, SBOM } from "../sbom.ts";
import type { Esp32BoardName } from "./boards.ts";
import { frameworkLibraries } from "./framework-libraries.ts";
import { type BuiltImage, imagesOf } from "./idedata.ts";
import { ENVIRONMENT, platformioProject } from "./platformio-project.ts";
import { preparedPackages } from "./prepared-packages.ts";

interface Arguments {
  board: Esp32BoardName;
  platform: string;
  version: string;
}

interface ClassFacts {
  chip: string;
  flashSize: string;
  config: ConfigPartition;
  sensors?: SensorRequest[];
  encryption?: { scheme: "hmac" | "flash" };
}

const project = resolve("tmp", "project");

async function main(): Promise<void> {
  const args = JSON.parse(await readFile("input/args.json", "utf8")) as Arguments;
  const facts = JSON.parse(await readFile("input/class.json", "utf8")) as ClassFacts;
  const files = platformioProject({
    ...args,
    ...facts,
    sensors: facts.sensors ?? [],
    keys: facts.encryption?.scheme === "flash",
    secrets: await readSecrets(),
    source: resolve("input", "source"),
  });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(project, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(project, path), content, { mode: 0o600 });
  }
  const packages = await preparedPackages();
  await pio(packages, "run", "--project-dir", project);
  await pio(packages, "run", "--project-dir", project, "--target", "idedata", "--silent");
  const idedata = await readFile(join(project, "build", ENVIRONMENT, "idedata.json"), "utf8");
  const images = imagesOf(idedata);
  for (const { from, path } of images) await copyFile(from, join("output", path));
  await writeBillOfMaterials(args.version, idedata, images);
  const settings = { mode: "dio", frequency: "40m", size: facts.flashSize };
  const flasherArgs = writeFlasherArgs({ chip: facts.chip, ...settings, files: images });
  await writeFile(join("output", FLASHER_ARGS), flasherArgs);
}

async function writeBillOfMaterials(version: string, idedata: string, images: BuiltImage[]): Promise<void> {
  const contents = new Map<string, Uint8Array>();
  for (const { path } of images) contents.set(path, await readFile(join("output", path)));
  const application = contents.get(images.find(({ name }) => name === "app")!.path)!;
  const libraries = await frameworkLibraries(idedata, project, application);
  const bom = makeSbom({ name: "edgeflock", version, images: contents, libraries });
  await writeFile(join("output", SBOM), bom);
}

async function readSecrets(): Promise<Record<string, string>> {
  const folder = join("input", "secrets");
  const keys = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(keys.map(async (key) => [key, await readFile(join(folder, key), "utf8")] as const)),
  );
}

async function pio(packages: Record<string, string>, ...args: string[]): Promise<void> {
  const [program, ...words] = JSON.parse(process.env.EDGEFLOCK_PLATFORMIO ?? '["pio"]') as string[];
  const environment = {
    ...process.env,
    ...packages,
    PLATFORMIO_NO_ANSI: "true",
    PLATFORMIO_DISABLE_PROGRESSBAR: "true",
    PLATFORMIO_SETTING_ENABLE_TELEMETRY: "no",
    PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL: "36500",
  };
  // idedata is printed too: of use to editors, not to people
  const quiet = args.includes("idedata");
  const stdio = ["ignore", quiet ? "ignore" : "inherit", "inherit"] as const;
  const child = spawn(program!, [...words, ...args], { env: environment, stdio: [...stdio] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new VisibleError(`pio ${args[0]}${quiet ? " --target idedata" : ""} failed`);
}

main().catch((error: unknown) => {
  console.error(error instanceof VisibleError ? error.message : error);
  if (error instanceof VisibleError && error.hint) console.error(error.hint);
  process.exitCode = 1;
});
