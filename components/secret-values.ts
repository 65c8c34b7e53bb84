// From a secret's source to its value: reads the stack's configuration, the environment, and Secrets that exist.
import * as pulumi from "@pulumi/pulumi";
import type { KubernetesObject } from "../kubernetes/api.ts";
import type { KubernetesTarget } from "../kubernetes/target.ts";
import { type Adopted, adoptedRandomKey } from "../model/adopted.ts";
import { deriveText } from "../model/derivation.ts";
import type { Place } from "../model/former-names.ts";
import type { Kind } from "../model/names.ts";
import type { SecretSource } from "../model/schema.ts";
import { VisibleError } from "../model/visible-error.ts";
import { clientOf } from "./kubernetes-connection.ts";
import { rootKey } from "./root-key.ts";
import { reportable } from "./visible.ts";

/** In a program a secret may also be any value or output of its own. */
export type SecretInput = SecretSource | pulumi.Input<string>;

/** Where a secret was declared: kind, name and key, which `random` values are derived from. */
export type SecretPlace = readonly [kind: string, name: string, key: string];

/** Where a value comes from besides its source. */
export interface SecretOrigin {
  kind: Kind;
  /** The oldest name of what declares it, and its namespace: `random` values derive from them. */
  original: Place;
  key: string;
  /** The present namespace, for `fromSecret`. */
  namespace: string;
  target: KubernetesTarget;
  adopted: pulumi.Output<Adopted>;
}

/** A value, with what fails said for people. Always secret. */
export function secretValue(
  source: SecretInput,
  { kind, original, key, namespace, target, adopted }: SecretOrigin,
): pulumi.Output<string> {
  if (!isSecretSource(source)) return pulumi.secret(source);
  if ("fromConfig" in source) return new pulumi.Config().requireSecret(source.fromConfig);
  if ("fromEnv" in source) return pulumi.secret(process.env[source.fromEnv] ?? "");
  if ("random" in source) {
    const { length } = source.random;
    const path = [original.namespace, kind, original.name, key];
    return pulumi
      .all([rootKey(), adopted])
      .apply(
        ([root, known]) =>
          known[adoptedRandomKey(kind, original.name, key)] ??
          deriveText(root, "random-secret", path, length),
      );
  }
  const { name, key: wanted } = source.fromSecret;
  return pulumi.secret(reportable(() => readSecretKey(target, namespace, name, wanted)));
}

/** Why a source has no value now, with the command that gives it one; undefined where it has. */
export function missingSecret(source: SecretInput, place: SecretPlace): string | undefined {
  if (!isSecretSource(source)) return undefined;
  const [kind, name, key] = place;
  if ("fromConfig" in source && new pulumi.Config().getSecret(source.fromConfig) === undefined) {
    return `${kind} ${name}: the secret "${key}" is read from the stack's configuration, where "${source.fromConfig}" is not set. Set it with: pulumi config set --secret ${source.fromConfig}`;
  }
  if ("fromEnv" in source && !process.env[source.fromEnv]) {
    return `${kind} ${name}: the secret "${key}" is read from the environment variable ${source.fromEnv}, which is not set or empty.`;
  }
  return undefined;
}

/** @throws VisibleError naming every secret of a layer that has no value now */
export function requireSecrets(secrets: Record<string, SecretInput>, kind: string, name: string): void {
  const missing = Object.entries(secrets)
    .map(([key, source]) => missingSecret(source, [kind, name, key]))
    .filter((line) => line !== undefined);
  if (missing.length > 0) throw new VisibleError(missing.join("\n"));
}

const SOURCES = ["fromConfig", "fromEnv", "fromSecret", "random"];

export function isSecretSource(input: SecretInput): input is SecretSource {
  if (typeof input !== "object" || input === null) return false;
  if (pulumi.Output.isInstance(input) || input instanceof Promise) return false;
  return SOURCES.some((source) => source in input);
}

async function readSecretKey(
  target: KubernetesTarget,
  namespace: string,
  name: string,
  key: string,
): Promise<string> {
  const address = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace } };
  const secret = await (await clientOf(target)).getOrUndefined<
    KubernetesObject & { data?: Record<string, string> }
  >(address);
  const value = secret?.data?.[key];
  if (value !== undefined) return Buffer.from(value, "base64").toString("utf8");
  const keys = Object.keys(secret?.data ?? {}).join(", ") || "none";
  throw new VisibleError(
    secret
      ? `The Secret ${namespace}/${name} has no key "${key}".`
      : `There is no Secret ${namespace}/${name} to read "${key}" from.`,
    { hint: secret ? `Keys there: ${keys}.` : "Create it first, or give the value another source." },
  );
}
