// The software bill of materials of a firmware: CycloneDX 1.6 in JSON. What the builder wrote itself counts; else it is
// made of what is known. Pure. https://cyclonedx.org/docs/1.6/json/
//
// It is part of the artefact, so it depends on nothing but what was built: no times, no serial numbers.
import { createHash } from "node:crypto";
import { VisibleError } from "../model/visible-error.ts";
import type { Library } from "./libraries.ts";

/** The file in output/, and in the artefact. */
export const SBOM = "sbom.cdx.json";

/** Bytes; more than thousands of libraries. */
const LARGEST = 8 * 1024 * 1024;

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
  const { serialNumber: _, ...rest } = bom;
  const { timestamp: __, ...told } = bom.metadata ?? {};
  // in its own order: what was read and written once stays the same when it is again
  return Buffer.from(`${JSON.stringify({ ...rest, ...(bom.metadata && { metadata: told }) }, null, 2)}\n`);
}

function component({ name, version, purl, sha256, from, files = [] }: Library, index: number) {
  return {
    "bom-ref": purl ?? `library:${index}:${name}`,
    type: "library",
    name,
    ...(version !== undefined && { version }),
    ...(purl !== undefined && { purl }),
    ...(sha256 !== undefined && { hashes: [sha256Of(sha256)] }),
    ...(from && {
      externalReferences: [{ type: "source-distribution", url: from.purl, hashes: [sha256Of(from.sha256)] }],
    }),
    ...(files.length > 0 && {
      components: files.map((file) => ({ type: "file", name: file.name, hashes: [sha256Of(file.sha256)] })),
    }),
  };
}

function sha256Of(content: string) {
  return { alg: "SHA-256", content };
}
