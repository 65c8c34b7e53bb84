// From a builder's output to an artefact: checked, packed, described. Reads the output folder.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";
import { inspectAppImage } from "./app-image.ts";
import { digestOf, packArchive, unpackArchive } from "./artifact-archive.ts";
import { checkFirmware, type FirmwareExpectations } from "./check-firmware.ts";
import type { FirmwareArtifact } from "./contract.ts";
import { FLASHER_ARGS, parseFlasherArgs } from "./flasher-args.ts";
import type { Library } from "./libraries.ts";
import { makeSbom, readSbom, SBOM } from "./sbom.ts";

/**
 * Packs flasher_args.json, the files that it names and the bill of materials, and nothing else that lies in the folder.
 * @param libraries what is in it, where the builder wrote no bill of materials itself
 */
export async function packOutput(output: string, libraries: readonly Library[] = []): Promise<Uint8Array> {
  const text = await readFile(join(output, FLASHER_ARGS), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new VisibleError(`the builder left no ${FLASHER_ARGS} in output/`, {
      hint: "it says which file goes to which offset, in the format of ESP-IDF: docs/builders.md",
    });
  });
  const files = new Map<string, Uint8Array>([[FLASHER_ARGS, Buffer.from(text)]]);
  for (const { path } of parseFlasherArgs(text).files) {
    // a file that is missing is reported together with everything else that is wrong
    const bytes = await readFile(join(output, path)).catch(() => undefined);
    if (bytes) files.set(path, bytes);
  }
  if (!files.has(SBOM)) files.set(SBOM, await billOfMaterials(output, files, libraries));
  return packArchive(files);
}

async function billOfMaterials(
  output: string,
  files: ReadonlyMap<string, Uint8Array>,
  libraries: readonly Library[],
): Promise<Uint8Array> {
  const own = await readFile(join(output, SBOM)).catch(() => undefined);
  if (own) return readSbom(own);
  const images = new Map([...files].filter(([path]) => path !== FLASHER_ARGS));
  const described = [...images.values()].map((bytes) => inspectAppImage(bytes).image?.descriptor);
  const { projectName = "", version = "" } = described.find((one) => one !== undefined) ?? {};
  return makeSbom({ name: projectName || "firmware", version: version || "0", images, libraries });
}

/**
 * Describes an archive, after checking everything in it against the class.
 * @param sourceVersion its version, where the application does not say one
 * @throws VisibleError with all problems at once
 */
export function describeArtifact(
  archive: Uint8Array,
  expected: FirmwareExpectations,
  sourceVersion?: string,
): FirmwareArtifact {
  const files = unpackArchive(archive, "the artefact");
  const text = files.get(FLASHER_ARGS);
  if (!text) throw new VisibleError(`the artefact has no ${FLASHER_ARGS}`);
  const args = parseFlasherArgs(Buffer.from(text).toString("utf8"));
  const { problems, table, application } = checkFirmware(args, files, expected);
  const config = table?.find(({ name }) => name === expected.config.label);
  if (problems.length > 0 || !config) {
    const distinct = [...new Set(problems)];
    throw new VisibleError(
      `the firmware cannot be flashed:\n${distinct.map((one) => `  - ${one}`).join("\n")}`,
      {
        hint: "correct the builder's partition table and flasher_args.json, or the class's chip and partition",
      },
    );
  }
  const digest = digestOf(archive);
  return {
    digest,
    size: archive.length,
    chip: args.chip,
    flashSize: expected.flashSize,
    version:
      (application && inspectAppImage(application).image?.descriptor?.version) ||
      sourceVersion ||
      digest.slice(7, 19),
    files: args.files.map(({ offset, path }) => {
      const bytes = files.get(path)!;
      return { offset, path, sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length };
    }),
    config: { label: config.name, offset: config.offset, size: config.size },
  };
}
