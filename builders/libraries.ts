// The libraries that are part of a firmware, for its bill of materials: as source trees name them. Reads the tree.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** A library that is part of a firmware. */
export interface Library {
  name: string;
  version?: string;
  /** https://github.com/package-url/purl-spec */
  purl?: string;
  /** SHA-256 of what was downloaded, in hexadecimal digits. */
  sha256?: string;
  /** The package that carries its sources, where that is another one, and the SHA-256 of that. */
  from?: { purl: string; sha256: string };
  /** What was linked of it, where it came compiled. */
  files?: { name: string; sha256: string }[];
}

/** The libraries that a source tree names: of Cargo.lock, platformio.ini and ESP-IDF's dependencies.lock. */
export async function librariesOf(source: string): Promise<Library[]> {
  const read = (name: string): Promise<string> => readFile(join(source, name), "utf8").catch(() => "");
  const all = [
    ...cargoLibraries(await read("Cargo.lock")),
    ...platformioLibraries(await read("platformio.ini")),
    ...espIdfLibraries(await read("dependencies.lock")),
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

const lockFile = z.object({
  dependencies: z.record(
    z.string(),
    z.object({ version: z.string(), component_hash: z.string().optional() }).loose(),
  ),
});

/** https://docs.espressif.com/projects/idf-component-manager/en/latest/reference/dependencies_lock.html */
export function espIdfLibraries(lock: string): Library[] {
  const read = lockFile.safeParse(parsed(lock));
  if (!read.success) return [];
  return Object.entries(read.data.dependencies).map(([name, { version, component_hash: hash }]) => ({
    ...(name === "idf" ? espIdf(version) : { name, version }),
    ...(hash && /^[0-9a-f]{64}$/.test(hash) && { sha256: hash }),
  }));
}

/** @param version with or without a "v" */
export function espIdf(version: string): Library {
  const plain = version.replace(/^v/, "");
  return {
    name: "esp-idf",
    version: plain,
    purl: `pkg:github/espressif/esp-idf@v${encodeURIComponent(plain)}`,
  };
}

function parsed(yaml: string): unknown {
  try {
    // without a guess at types: a hash may look like a number
    return parse(yaml, { schema: "failsafe" });
  } catch {
    // the builder itself says what is wrong with it
    return undefined;
  }
}
