// Opens what a station flashes from: the class in a cluster, or an exported bundle.
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type BundleKey, openBundle } from "../../flash/bundle/bundle-file.ts";
import { BundleSource, resultsOf } from "../../flash/bundle/bundle-source.ts";
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import { connect } from "../../kubernetes/api.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { askPassphrase, passphraseFrom } from "../bundle/passphrase.ts";

export interface SourceOptions {
  namespace?: string;
  kubeconfig?: string;
  context?: string;
}

export interface BundleOptions {
  bundle: string;
  passphraseFile?: string;
  /** File with age identities. */
  identity?: string;
}

export async function openClusterSource(className: string, options: SourceOptions): Promise<ClusterSource> {
  const { kubeconfig, context } = options;
  const api = await connect({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) });
  return ClusterSource.open(api, options.namespace ?? api.namespace, className);
}

/** @throws VisibleError when it cannot be opened or holds another class */
export async function openBundleSource(className: string, options: BundleOptions): Promise<BundleSource> {
  const path = resolve(options.bundle);
  const bytes = await readFile(path).catch((error: Error) => {
    throw new VisibleError(`The bundle cannot be read: ${error.message}`, { exitCode: 7 });
  });
  const bundle = await openBundle(bytes, await keyFrom(options));
  if (bundle.place.class !== className) {
    throw new VisibleError(`The bundle holds devices of class ${bundle.place.class}, not ${className}.`, {
      exitCode: 6,
    });
  }
  return new BundleSource(bundle, resultsOf(path));
}

async function keyFrom({ identity, passphraseFile }: BundleOptions): Promise<BundleKey> {
  if (identity) {
    const text = await identityLines(identity);
    return { identities: text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#")) };
  }
  return {
    passphrase: passphraseFile
      ? await passphraseFrom(passphraseFile)
      : await askPassphrase("Passphrase of the bundle: "),
  };
}

async function identityLines(file: string): Promise<string> {
  return readFile(file, "utf8").catch((error: Error) => {
    throw new VisibleError(`The identity file cannot be read: ${error.message}`, { exitCode: 2 });
  });
}
