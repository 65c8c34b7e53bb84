// Renders the flash script of a device class. Reads only the shell files beside it; same input, same text.
import { readFileSync } from "node:fs";
import { renderHeader } from "./flash-script/header.ts";
import type { FlashScriptInput } from "./flash-script/input.ts";

import { remotePortFunction } from "./remote-port.ts";

export type { FlashScriptInput } from "./flash-script/input.ts";

/** The script's parts, in the order in which they are put together; the last one runs it. */
const PARTS = [
  "options",
  "common",
  "binary",
  "cluster",
  "store",
  "artifact",
  "device",
  "board",
  "lease",
  "main",
];

/**
 * The whole script, POSIX sh, without secrets.
 * @throws VisibleError naming everything that is wrong with the input
 */
export function renderFlashScript(input: FlashScriptInput): string {
  const parts = PARTS.map((part) =>
    readFileSync(new URL(`flash-script/${part}.sh`, import.meta.url), "utf8"),
  );
  const [options, ...rest] = parts;
  return [renderHeader(input), options, remotePortFunction(), ...rest].join("\n");
}
