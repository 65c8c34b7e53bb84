// The firmware that Edgeflock brings along, for boards and for this host: where it is, and its version.
// Reads the folder to know its hash.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { hashSourceTree } from "../source-tree.ts";

/** Raised when what the firmware does changes. */
const VERSION = "0.1.0";

export async function ownFirmware(): Promise<{ source: string; version: string }> {
  const source = join(dirname(fileURLToPath(import.meta.url)), "firmware");
  return { source, version: `${VERSION}+${(await hashSourceTree(source)).slice(0, 8)}` };
}
