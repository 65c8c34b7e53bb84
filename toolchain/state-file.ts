// Where pulumi's folder backend keeps a stack's state, and what that holds. Only reads files.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { plainStackName } from "./stack-file.ts";

/** What pulumi adds to the name of a state that it compressed; https://github.com/pulumi/pulumi, pkg/backend/diy */
const FORMS: readonly [ending: string, decompress: (bytes: Buffer) => Buffer][] = [
  ["", (bytes) => bytes],
  [".gz", gunzipSync],
  [".zst", zstdDecompressSync],
];

/**
 * The state's text (JSON); undefined where there is none yet, or where it isn't kept in a folder.
 *
 * @param url PULUMI_BACKEND_URL
 */
export function readState(url: string | undefined, project: string, stack: string): string | undefined {
  if (!url?.startsWith("file://")) return undefined;
  const file = join(stateFolderOf(url), ".pulumi", "stacks", project, `${plainStackName(stack)}.json`);
  for (const [ending, decompress] of FORMS) {
    if (existsSync(file + ending)) return decompress(readFileSync(file + ending)).toString("utf8");
  }
  return undefined;
}

/** The folder of a `file://` backend. */
export function stateFolderOf(url: string): string {
  const path = url.replace(/\?.*$/, "");
  return path === "file://~" ? (process.env.HOME ?? "/") : fileURLToPath(path.replace("file://~", "file://"));
}
