// The text of a stack's manifests → checked manifests, or everything that is wrong with them at once.
// Pure; touches nothing (read-manifest-files.ts reads the files).
import { checkManifest } from "./check-manifest.ts";
import { checkReferences } from "./check-references.ts";
import { checkSettings } from "./check-settings.ts";
import type { YamlDocument } from "./compose-yaml.ts";
import { Declared } from "./declared.ts";
import { type Position, type Problem, ProblemsError, tidyProblems } from "./problem.ts";
import { readYaml } from "./read-yaml.ts";
import type {
  DeviceClassManifest,
  DeviceGroupManifest,
  DeviceManifest,
  DevicesClusterManifest,
} from "./schema.ts";

/** A manifest and where it stands. */
export interface Located<T> {
  manifest: T;
  /** A file, or an object of a cluster. */
  file: string;
  line?: number;
  /** Position of a field, or of the nearest one above it that is there: for errors that are found later. */
  at(path: readonly PropertyKey[]): Position;
}

export interface Documents {
  clusters: Located<DevicesClusterManifest>[];
  classes: Located<DeviceClassManifest>[];
  groups: Located<DeviceGroupManifest>[];
  devices: Located<DeviceManifest>[];
}

export interface LoadOptions {
  /** Firmware builders that there are; where given, another name is a problem. */
  firmwareBuilders?: readonly string[];
  /** What a builder says of a sensor; undefined where nothing is wrong with it. */
  sensorProblem?: (
    builder: { name: string; args: Record<string, unknown> },
    sensor: { name: string; driver: string },
  ) => string | undefined;
}

/**
 * Reads, checks and links all manifests of a stack.
 * @param files their text; `path` is what errors show
 * @throws ProblemsError with everything found: syntax, schema, duplicates, references, membership, settings
 */
export function loadManifests(
  files: readonly { path: string; text: string }[],
  options: LoadOptions = {},
): Documents {
  const read = files.map(({ path, text }) => readYaml(path, text));
  const documents = read.flatMap((yaml) => yaml.documents);
  const problems = read.flatMap((yaml) => yaml.problems);
  if (files.length > 0 && documents.length === 0 && problems.length === 0)
    problems.push({ file: files[0]!.path, line: 1, column: 1, path: "", message: "holds no manifest" });
  return linkDocuments(documents, options, problems);
}

/**
 * Checks documents one by one and together.
 *
 * @param unread what was wrong with documents that could not even be read
 * @throws ProblemsError with everything found
 */
export function linkDocuments(
  documents: readonly YamlDocument[],
  options: LoadOptions,
  unread: readonly Problem[] = [],
): Documents {
  const problems = [...unread];
  const declared = new Declared();
  declared.isIncomplete = unread.length > 0;
  for (const document of documents) {
    const checked = checkManifest(document);
    problems.push(...checked.problems);
    if (checked.manifest) declared.add(checked.manifest, document);
    else declared.addBroken(checked.kind, document.value);
  }
  problems.push(...checkReferences(declared, options));
  problems.push(...checkSettings(declared));
  if (problems.length > 0) throw new ProblemsError(tidyProblems(problems));
  return declared.documents();
}
