// What `edgeflock bundle` does. Writes the bundle's file, 0600; talks to the cluster.
import { existsSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Bundle, type BundleLock, sealBundle } from "../../flash/bundle/bundle-file.ts";
import { exportBundle } from "../../flash/bundle/export-bundle.ts";
import { mergeResults, releaseBundle } from "../../flash/bundle/merge-results.ts";
import { readResults } from "../../flash/station/result-log.ts";
import { connect } from "../../kubernetes/api.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import type { BundleAccess, ExportCommandOptions } from "../commands/bundle.ts";
import { openClusterSource } from "../flash/open-source.ts";
import { interruptible } from "../interruptible.ts";
import { askNewPassphrase, passphraseFrom } from "./passphrase.ts";

const CONFLICT = 11;

export async function runExport(
  className: string,
  devices: string[],
  options: ExportCommandOptions,
): Promise<void> {
  const file = resolve(options.out ?? `${className}.bundle`);
  if (existsSync(file))
    throw new VisibleError(`${file} is there already.`, {
      hint: "Name another file with --out.",
      exitCode: 2,
    });
  const lock = await lockFrom(options);
  const source = await openClusterSource(className, options);
  const bundle = await interruptible((signal) =>
    stderrProgress().step(`Exporting ${className}`, (step) => {
      const chosen = {
        ...(devices.length > 0 && { devices }),
        ...(options.count !== undefined && { count: options.count }),
        signal,
      };
      return exportBundle(source, chosen, (made) => {
        step.note(`encrypting ${made.devices.length} devices`);
        return write(file, made, lock);
      });
    }),
  );
  console.log(
    `${file}: ${bundle.devices.length} devices of ${className}, firmware ${bundle.artifact.version}, reserved for bundle ${bundle.id}.`,
  );
  console.log(
    `At the bench: npx edgeflock flash ${className} --bundle ${options.out ?? `${className}.bundle`}`,
  );
}

async function lockFrom({ recipient, passphraseFile }: ExportCommandOptions): Promise<BundleLock> {
  if (recipient && passphraseFile)
    throw new VisibleError("Either --recipient or --passphrase-file, not both.", { exitCode: 2 });
  if (recipient) return { recipients: recipient };
  return { passphrase: passphraseFile ? await passphraseFrom(passphraseFile) : await askNewPassphrase() };
}

/** All or nothing under the final name. */
async function write(file: string, bundle: Bundle, lock: BundleLock): Promise<void> {
  const bytes = await sealBundle(bundle, lock);
  const partial = `${file}.${process.pid}.partial`;
  try {
    await writeFile(partial, bytes, { mode: 0o600, flag: "wx", flush: true });
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw new VisibleError(`${file} cannot be written: ${(error as Error).message}`, { exitCode: 12 });
  }
}

export async function runMerge(logs: string[], options: BundleAccess & { release?: boolean }): Promise<void> {
  const entries = logs.flatMap((path) => {
    if (!existsSync(path)) throw new VisibleError(`There is no file ${path}.`, { exitCode: 2 });
    return readResults(path);
  });
  const result = await mergeResults(await api(options), entries, { release: options.release ?? false });
  console.log(
    `${result.merged.length} devices noted in the cluster${options.release ? `, ${result.released.length} free again` : ""}.`,
  );
  for (const conflict of result.conflicts) console.error(conflict);
  if (result.conflicts.length === 0) return;
  throw new VisibleError(`${result.conflicts.length} boards have a device that is another's.`, {
    hint: "Flash them as other devices.",
    exitCode: CONFLICT,
  });
}

export async function runRelease(className: string, id: string, options: BundleAccess): Promise<void> {
  const { place } = await openClusterSource(className, options);
  const released = await releaseBundle(await api(options), place, id);
  if (released.length === 0)
    throw new VisibleError(`No device of ${className} is reserved for a bundle ${id}.`, { exitCode: 6 });
  console.log(`Free again: ${released.join(", ")}.`);
}

function api({ kubeconfig, context }: BundleAccess) {
  return connect({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) });
}
