// Values for the secrets that the demo's manifests take from the environment: made once, kept in one 0600 file,
// so that running the demo again changes nothing. A variable that is set already wins.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Documents } from "../../model/load-manifests.ts";
import type { SecretSource } from "../../model/schema.ts";

/** Names of the environment variables that the manifests read secrets from. Pure. */
export function secretVariables(documents: Documents): string[] {
  const manifests = [documents.clusters, documents.classes, documents.groups, documents.devices].flat();
  const sources = manifests.flatMap(({ manifest }) => Object.values<SecretSource>(manifest.spec.secrets));
  return [...new Set(sources.flatMap((source) => ("fromEnv" in source ? [source.fromEnv] : [])))].sort();
}

/** A value for each variable: from `environment`, else from the file, else new and written to the file. */
export function demoSecrets(
  names: string[],
  file: string,
  environment: NodeJS.ProcessEnv,
): Record<string, string> {
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, string>) : {};
  const missing = names.filter((name) => !environment[name] && kept[name] === undefined);
  for (const name of missing) kept[name] = randomBytes(12).toString("base64url");
  if (missing.length > 0) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, JSON.stringify(kept), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return Object.fromEntries(names.map((name) => [name, environment[name] || kept[name]!]));
}
