// The one hash of everything that a firmware build depends on, and its parts by name, so that a preview can say
// which input changed. Reads sources; never builds.
import { createHash, createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildPlan, FirmwareRequest } from "./contract.ts";
import { programFiles } from "./program-files.ts";
import { hashSourceTree } from "./source-tree.ts";

/** Raised when the meaning of a plan or of the artefact's format changes, so that old results do not count. */
const FORMAT = "2";

export interface ContentHash {
  /** 64 hexadecimal digits. */
  hash: string;
  /** Plain text or short fingerprints, safe to show and to keep in state; never a secret. */
  parts: Record<string, string>;
}

/**
 * @param secretKey key of the fingerprints of secrets; without it, two stacks' equal secrets would show as equal,
 *   and a weak one could be guessed from its fingerprint
 */
export async function firmwareContentHash(
  plan: BuildPlan,
  request: FirmwareRequest,
  secretKey: Uint8Array | string,
): Promise<ContentHash> {
  const parts = await explainContentHash(plan, request, secretKey);
  const hash = createHash("sha256");
  for (const [name, value] of Object.entries(parts)) {
    hash.update(`${Buffer.byteLength(name)}:${name}${Buffer.byteLength(value)}:${value}`);
  }
  return { hash: hash.digest("hex"), parts };
}

/** The named parts of the hash, sorted by name. */
export async function explainContentHash(
  plan: BuildPlan,
  request: FirmwareRequest,
  secretKey: Uint8Array | string,
): Promise<Record<string, string>> {
  const parts: Record<string, string> = {
    format: FORMAT,
    chip: request.chip,
    flashSize: request.flashSize ?? "4MB",
    "config partition": `${request.config.label} 0x${request.config.size.toString(16)}${request.config.format === "file" ? " file" : ""}`,
    ...plan.identity,
  };
  if (request.container && plan.run.kind === "command") parts.image = request.container.image;
  if (request.encryption) parts.encryption = request.encryption.scheme;
  for (const { name, driver, unit = "" } of request.sensors ?? [])
    parts[`sensors.${name}`] = canonicalJson([driver, unit]);
  if (plan.source !== undefined) parts.source = (await hashSourceTree(plan.source)).slice(0, 16);
  // the commit stands for its content, wherever it is fetched from
  if (plan.git) parts.source = `commit ${plan.git.commit}${plan.git.path ? `, ${plan.git.path}` : ""}`;
  for (const [name, value] of Object.entries(plan.args)) parts[`args.${name}`] = canonicalJson(value);
  for (const [key, value] of Object.entries(request.settings ?? {}))
    parts[`settings.${key}`] = canonicalJson(value);
  for (const [key, value] of Object.entries(request.secrets ?? {})) {
    parts[`secrets.${key}`] = createHmac("sha256", secretKey)
      .update(`${key}\0${value}`)
      .digest("hex")
      .slice(0, 16);
  }
  return Object.fromEntries(Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Names of the parts that are not the same in both, for "will build: source, args.board changed". */
export function changedParts(before: Record<string, string>, after: Record<string, string>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).sort();
}

/**
 * A fingerprint of a builder's own program: what `programFiles` finds.
 * @param module `import.meta.url` of the builder
 * @param others relative to it; what else decides over the result and is no module of this folder's
 */
export async function builderFingerprint(module: string, others: string[] = []): Promise<string> {
  const folder = dirname(fileURLToPath(module));
  const hash = createHash("sha256");
  for (const path of await programFiles(module, others)) {
    const content = await readFile(path);
    hash.update(`${relative(folder, path)} ${content.length}:`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}

/** JSON with sorted keys. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
