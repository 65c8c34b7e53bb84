// Pulumi's property values as they travel in a protobuf Struct: secrets in envelopes, unknowns as
// well-known strings. Pure. Wire format: pulumi/sdk/go/common/resource/plugin/rpc.go

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const ASSET = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7";
const RESOURCE_REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e";

/** Stands for a value that is not known yet, in a preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Unknowns of each type; only the first is common. */
const UNKNOWNS = new Set([
  UNKNOWN,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

export type Value = null | boolean | number | string | Value[] | { [key: string]: Value };
export type Properties = { [key: string]: Value };

export function isObject(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isUnknown(value: unknown): boolean {
  return typeof value === "string" && UNKNOWNS.has(value);
}

export function secret(value: Value): Value {
  return isSecret(value) ? value : { [SIGNATURE]: SECRET, value };
}

export function isSecret(value: unknown): value is { value: Value } {
  return isObject(value) && value[SIGNATURE] === SECRET;
}

/** The value with every envelope opened. */
export function withoutSecrets(value: Value): Value {
  if (isSecret(value)) return withoutSecrets(value.value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withoutSecrets(entry)]));
}

export function containsSecrets(value: Value | undefined): boolean {
  if (isSecret(value)) return true;
  if (Array.isArray(value)) return value.some(containsSecrets);
  return isObject(value) && Object.values(value).some(containsSecrets);
}

export function containsUnknowns(value: Value | undefined): boolean {
  if (isUnknown(value)) return true;
  if (Array.isArray(value)) return value.some(containsUnknowns);
  return isObject(value) && Object.values(value).some(containsUnknowns);
}

/** An asset, archive or reference to another resource: what no stand-in takes. */
export function specialKind(value: Value): "asset" | "archive" | "resource reference" | undefined {
  if (!isObject(value)) return undefined;
  if (value[SIGNATURE] === ASSET) return "asset";
  if (value[SIGNATURE] === ARCHIVE) return "archive";
  return value[SIGNATURE] === RESOURCE_REFERENCE ? "resource reference" : undefined;
}

/**
 * Marks as secret, in `target`, the places that are secret in `like`: the counterpart of a map or list
 * is walked, and what stands under a secret is secret whole.
 */
export function secretsLike(target: Value, like: Value | undefined): Value {
  if (like === undefined) return target;
  if (isSecret(like)) return secret(target);
  if (Array.isArray(target) && Array.isArray(like)) {
    return target.map((entry, index) => secretsLike(entry, like[index]));
  }
  if (isObject(target) && isObject(like) && !isSecret(target)) {
    return Object.fromEntries(
      Object.entries(target).map(([key, entry]) => [key, secretsLike(entry, like[key])]),
    );
  }
  return target;
}

export function equal(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((entry, index) => equal(entry, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key], b[key]));
}
