// How a builder's command names its program. Reads whether a file is there.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";

/** Stands for a source that is fetched when it is built. */
export const FETCHED = Symbol("a source that is fetched");

/**
 * `./build.sh` is a file of the source folder; a bare name is looked for on PATH.
 * @param source absolute, or `FETCHED`; undefined where the builder has no sources
 * @param field of the manifest that names the source folder
 * @returns the command as it is run in a work folder
 */
export function sourceCommand(
  command: readonly string[],
  source: string | typeof FETCHED | undefined,
  field: string,
): string[] {
  const [program, ...words] = command;
  if (program === undefined) return [];
  if (!program.startsWith("./")) return [program, ...words];
  // what a commit holds is known when it is fetched
  if (source !== FETCHED && (source === undefined || !existsSync(join(source, program)))) {
    throw new VisibleError(`the builder's command ${program} is not in its source folder`, {
      hint: `set ${field} to the folder that holds it`,
    });
  }
  return [`./${join("input", "source", program)}`, ...words];
}
