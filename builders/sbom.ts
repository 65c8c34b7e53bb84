// The software bill of materials of a firmware: CycloneDX 1.6 in JSON. What the builder wrote itself counts; else it is
// made of what is known. Reads the source tree. https://cyclonedx.org/docs/1.6/json/
//
// It is part of the artefact, so it depends on nothing but what was built: no times, no serial numbers.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";

/** The file in output/, and in the artefact. */
export const SBOM = "sbom.cdx.json";

/** Bytes; more than thousands of libraries. */
const LARGEST = 8 * 1024 * 1024;

/** A library that is part of a firmware. */
export interface Library {
  name: string;
  version?: string;
  /** https://github.com/package-url/purl-spec */
  purl?: string;
  /** SHA-256 of what was downloaded, in hexadecimal digits. */
  sha256?: string;
}

interface Bom {
  bomFormat: "CycloneDX";
  specVersion: string;
  serialNumber?: string;
  metadata?: { timestamp?: string; [field: string]: unknown };
  [field: string]: unknown;
}

export interface SbomFacts {
  /** The project's name by its descriptor, and its version. */
  name: string;
  version: string;
  /** What is flashed. */
  images: ReadonlyMap<string, Uint8Array>;
  libraries: readonly Library[];
}

/** Equal facts give equal bytes. */
export function makeSbom({ name, version, images, libraries }: SbomFacts): Uint8Array {
  const bom: Bom = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: { "bom-ref": "firmware", type: "firmware", name, version },
    },
    components: [
      ...[...images].map(([path, bytes]) => ({
        "bom-ref": `file:${path}`,
        type: "file",
        name: path,
        hashes: [sha256Of(createHash("sha256").update(bytes).digest("hex"))],
      })),
      ...libraries.map((library, index) => component(library, index)),
    ],
  };
  return Buffer.from(`${JSON.stringify(bom, null, 2)}\n`);
}

/**
 * A builder's own, without what differs from build to build.
 * @throws VisibleError where it is no CycloneDX
 */
export function readSbom(bytes: Uint8Array): Uint8Array {
  const wrong = (why: string): VisibleError =>
    new VisibleError(`the builder's output/${SBOM} cannot be used: ${why}`, {
      hint: "it is a CycloneDX document in JSON, version 1.4 to 1.6; without the file, one is made",
    });
  if (bytes.length > LARGEST) throw wrong(`it is larger than ${LARGEST >> 20} MiB`);
  let bom: Bom;
  try {
    bom = JSON.parse(Buffer.from(bytes).toString("utf8")) as Bom;
  } catch (error) {
    throw wrong((error as Error).message);
  }
  if (bom === null || typeof bom !== "object" || bom.bomFormat !== "CycloneDX")
    throw wrong("it has no bomFormat CycloneDX");
  if (!/^1\.[456]$/.test(bom.specVersion)) throw wrong(`it has the version ${String(bom.specVersion)}`);
  const { serialNumber: _, metadata, ...rest } = bom;
  const { timestamp: __, ...told } = metadata ?? {};
  return Buffer.from(`${JSON.stringify({ ...rest, ...(metadata && { metadata: told }) }, null, 2)}\n`);
}

/** The libraries that a source tree names: of Cargo.lock and of platformio.ini. */
export async function librariesOf(source: string): Promise<Library[]> {
  const read = (name: string): Promise<string> => readFile(join(source, name), "utf8").catch(() => "");
  const all = [
    ...cargoLibraries(await read("Cargo.lock")),
    ...platformioLibraries(await read("platformio.ini")),
  ];
  const keyed = new Map(
    all.map((library) => [library.purl ?? `${library.name} ${library.version}`, library]),
  );
  return [...keyed].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, library]) => library);
}

/** Its packages that come from a registry. https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html */
export function cargoLibraries(lock: string): Library[] {
  return lock
    .split(/^\[\[package\]\]$/m)
    .slice(1)
    .flatMap((entry) => {
      const value = (key: string) => new RegExp(`^${key} = "([^"]*)"$`, "m").exec(entry)?.[1];
      const [name, version, checksum] = ["name", "version", "checksum"].map(value);
      if (!name || !version || value("source") === undefined) return [];
      const purl = `pkg:cargo/${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
      return [{ name, version, purl, ...(checksum && { sha256: checksum }) }];
    });
}

/** Lines of `lib_deps`: `owner/name@version`, or a name. https://docs.platformio.org/en/latest/projectconf/ */
export function platformioLibraries(ini: string): Library[] {
  const found: Library[] = [];
  let inside = false;
  for (const line of ini.split(/\r?\n/)) {
    const first = /^lib_deps\s*=\s*(.*)$/.exec(line);
    inside = first !== null || (inside && /^\s/.test(line));
    const entry = inside ? (first?.[1] ?? line).replace(/\s[;#].*$/, "").trim() : "";
    const named = /^(?:([\w.-]+)\/)?([\w. -]+?)\s*(?:@\s*[\^~=]*\s*([\w.+-]+))?$/.exec(entry);
    if (!named?.[2] || entry.startsWith(";") || entry.startsWith("#")) continue;
    const [, owner, name, version] = named;
    found.push({ name: owner ? `${owner}/${name}` : name, ...(version && { version }) });
  }
  return found;
}

function component({ name, version, purl, sha256 }: Library, index: number) {
  return {
    "bom-ref": purl ?? `library:${index}:${name}`,
    type: "library",
    name,
    ...(version !== undefined && { version }),
    ...(purl !== undefined && { purl }),
    ...(sha256 !== undefined && { hashes: [sha256Of(sha256)] }),
  };
}

function sha256Of(content: string) {
  return { alg: "SHA-256", content };
}
