// What builders are given, read from their work folders for a Job. Reads folders.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tar from "tar";
import { VisibleError } from "../../model/visible-error.ts";
import type { WorkFolder } from "../work-folder.ts";
import type { GitSource, StepRequest } from "./contract.ts";

export interface JobInput {
  request: StepRequest;
  /** By key of the input Secret. */
  files: Record<string, Uint8Array>;
  source: Uint8Array[];
}

/** Bytes in one ConfigMap. */
const PART = 900 * 1024;
/** A source beyond it is better fetched from git, by commit. */
const LARGEST_SOURCE = 24 * 1024 * 1024;
/** Of all inputs of a Job: they are one Secret. */
export const LARGEST_INPUT = 900 * 1024;

/** @param works of one builder: their sources are the same */
export async function readJobInput(works: readonly WorkFolder[], git?: GitSource): Promise<JobInput> {
  const files: Record<string, Uint8Array> = {};
  const described = await Promise.all(works.map((work, index) => describe(work, index, files)));
  const size = Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0);
  if (size > LARGEST_INPUT) {
    throw new VisibleError(`the builder's input has ${size} bytes; ${LARGEST_INPUT} go into a Secret`, {
      hint: "what is large belongs into its source",
    });
  }
  const packed = git ? [] : await packSource(join(works[0]!.path, "input", "source"));
  const sha256 = createHash("sha256").update(Buffer.concat(packed)).digest("hex");
  return {
    request: {
      ...(git && { source: { kind: "git", ...git } }),
      ...(packed.length > 0 && { source: { kind: "packed", sha256 } }),
      works: described,
    },
    files,
    source: packed,
  };
}

/** Bytes that one work folder adds to the input. */
export async function inputSize(work: WorkFolder): Promise<number> {
  const files: Record<string, Uint8Array> = {};
  await describe(work, 0, files);
  return Object.entries(files).reduce((sum, [key, bytes]) => sum + key.length + bytes.length, 0);
}

async function describe(work: WorkFolder, index: number, files: Record<string, Uint8Array>) {
  const input = join(work.path, "input");
  const shown: Record<string, string> = {};
  const secrets: Record<string, string> = {};
  // keys of a Secret may hold less than names of secrets: they are numbered
  const add = async (into: Record<string, string>, name: string, path: string): Promise<void> => {
    const key = `${index}.${Object.keys(files).length}`;
    files[key] = await readFile(path);
    into[key] = name;
  };
  for (const name of (await readdir(input)).sort()) {
    if (name.endsWith(".json")) await add(shown, name, join(input, name));
  }
  for (const name of (await readdir(join(input, "secrets"))).sort()) {
    await add(secrets, name, join(input, "secrets", name));
  }
  return { files: shown, secrets };
}

async function packSource(folder: string): Promise<Uint8Array[]> {
  const names = await readdir(folder);
  if (names.length === 0) return [];
  const chunks: Buffer[] = [];
  const options = { cwd: folder, gzip: { level: 6 }, portable: true, mtime: new Date(0) };
  for await (const chunk of tar.c(options, names.sort())) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  if (bytes.length > LARGEST_SOURCE) {
    throw new VisibleError(
      `the builder's source has ${bytes.length} bytes when packed; a Job takes ${LARGEST_SOURCE}`,
      { hint: "name it by git URL and commit: spec.firmware.builder.git" },
    );
  }
  return Array.from({ length: Math.ceil(bytes.length / PART) }, (_, index) =>
    bytes.subarray(index * PART, (index + 1) * PART),
  );
}
