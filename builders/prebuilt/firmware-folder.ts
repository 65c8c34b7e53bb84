// Finds the firmware among the files of an archive. Pure.
import { FLASHER_ARGS } from "../flasher-args.ts";

/**
 * The files of the folder in which flasher_args.json lies: the top, or a single folder in which archives often
 * have everything. Undefined where there is none, or more than one.
 */
export function firmwareFolder(files: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> | undefined {
  if (files.has(FLASHER_ARGS)) return new Map(files);
  const found = [...files.keys()].filter((path) => path.endsWith(`/${FLASHER_ARGS}`));
  if (found.length !== 1) return undefined;
  const folder = found[0]!.slice(0, -FLASHER_ARGS.length);
  const inside = [...files].filter(([path]) => path.startsWith(folder));
  return new Map(inside.map(([path, bytes]) => [path.slice(folder.length), bytes]));
}
