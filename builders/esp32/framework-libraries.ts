// What PlatformIO compiled or linked in beside our own sources, for the bill of materials: found by the folders that its
// idedata.json names for headers. Reads those folders.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { inspectAppImage } from "../app-image.ts";
import { espIdf, type Library } from "../libraries.ts";

const idedata = z.object({ includes: z.object({ build: z.array(z.string()) }) });
const manifest = z.object({ name: z.string().min(1), version: z.string().min(1) });

/** Folders between a library's headers and its own: libraries/WiFi/src, tools/sdk/esp32/include/mbedtls/port/include. */
const DEEPEST = 9;

/**
 * @param text content of idedata.json
 * @param project folder of the PlatformIO project, which is no library
 * @param application image whose descriptor names the version of ESP-IDF
 */
export async function frameworkLibraries(
  text: string,
  project: string,
  application: Uint8Array,
): Promise<Library[]> {
  const read = idedata.safeParse(JSON.parse(text));
  const folders = read.success ? [...new Set(read.data.includes.build)].sort() : [];
  const found = new Map<string, Library>();
  const add = (library: Library | undefined): void => {
    if (library) found.set(`${library.name} ${library.version}`, library);
  };
  for (const folder of folders.filter((one) => !one.startsWith(project))) {
    for (const library of await packagesAround(folder)) add(library);
    add(await mbedtlsAt(folder));
  }
  const idf = inspectAppImage(application).image?.descriptor?.idfVersion;
  if (idf && /^v?[0-9]/.test(idf)) add(espIdf(idf));
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, library]) => library);
}

/** The library that the folder belongs to, and the package of PlatformIO's that brings it. */
async function packagesAround(folder: string): Promise<Library[]> {
  const found: Library[] = [];
  let at = folder;
  for (let depth = 0; depth < DEEPEST && at !== dirname(at); depth++, at = dirname(at)) {
    const own =
      json(await textOf(join(at, "library.json"))) ??
      properties(await textOf(join(at, "library.properties")));
    if (own) found.push(own);
    const whole = json(await textOf(join(at, "package.json")));
    if (whole) return [...found, whole];
  }
  // a folder that is part of no package is none of PlatformIO's
  return [];
}

/** https://docs.platformio.org/en/latest/manifests/library-json/ and …/package-json */
function json(text: string): Library | undefined {
  try {
    return manifest.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** https://arduino.github.io/arduino-cli/latest/library-specification/ */
function properties(text: string): Library | undefined {
  const value = (key: string) => new RegExp(`^${key}=(.+?)\\s*$`, "m").exec(text)?.[1];
  const [name, version] = [value("name"), value("version")];
  return name === undefined || version === undefined ? undefined : { name, version };
}

/** The framework brings it compiled: its archives lie in lib/ beside include/. */
async function mbedtlsAt(folder: string): Promise<Library | undefined> {
  for (const header of ["build_info.h", "version.h"]) {
    const text = await textOf(join(folder, "mbedtls", header));
    const version = /^#define MBEDTLS_VERSION_STRING\s+"([0-9.]+)"/m.exec(text)?.[1];
    if (version === undefined) continue;
    const purl = `pkg:github/mbed-tls/mbedtls@v${version}`;
    return { name: "mbedtls", version, purl, files: await archivesNear(folder) };
  }
  return undefined;
}

async function archivesNear(folder: string): Promise<{ name: string; sha256: string }[]> {
  const sdk = /^(.*)[\\/]include[\\/]mbedtls[\\/]/.exec(folder)?.[1];
  if (sdk === undefined) return [];
  const names = (await readdir(join(sdk, "lib")).catch(() => [])).filter((name) =>
    /^libmbed.*\.a$/.test(name),
  );
  return await Promise.all(
    names.sort().map(async (name) => {
      const bytes = await readFile(join(sdk, "lib", name));
      return { name, sha256: createHash("sha256").update(bytes).digest("hex") };
    }),
  );
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}
