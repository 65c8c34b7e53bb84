// Serial ports of this machine: which there are, and which come and go. Reads /dev, or the registry on Windows.
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const PATTERNS: Partial<Record<NodeJS.Platform, RegExp>> = {
  linux: /^tty(USB|ACM)\d+$/,
  darwin: /^cu\.(usb|SLAB_USBtoUART|wchusbserial)/,
};

/** Paths (or names such as COM3) of ports that may have a board. */
export async function listPorts(folder: string = "/dev"): Promise<string[]> {
  if (process.platform === "win32") return windowsPorts();
  const pattern = PATTERNS[process.platform] ?? (PATTERNS.linux as RegExp);
  const names = await readdir(folder);
  return names
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);
}

async function windowsPorts(): Promise<string[]> {
  const key = "HKLM\\HARDWARE\\DEVICEMAP\\SERIALCOMM";
  const { stdout } = await promisify(execFile)("reg", ["query", key], { windowsHide: true }).catch(() => ({
    stdout: "",
  }));
  return [...stdout.matchAll(/REG_SZ\s+(COM\d+)/g)].map(([, name]) => name as string).sort();
}

export interface PortChange {
  appeared: string[];
  vanished: string[];
}

/** Each change of the list, the first of which is all that are there; ends when `signal` says so. */
export async function* watchPorts(
  list: () => Promise<string[]>,
  signal: AbortSignal,
  everyMs: number = 300,
): AsyncIterable<PortChange> {
  let known: string[] = [];
  while (!signal.aborted) {
    const now = await list();
    const change = {
      appeared: now.filter((port) => !known.includes(port)),
      vanished: known.filter((port) => !now.includes(port)),
    };
    known = now;
    if (change.appeared.length + change.vanished.length > 0) yield change;
    await sleep(everyMs, undefined, { signal }).catch(() => {});
  }
}
