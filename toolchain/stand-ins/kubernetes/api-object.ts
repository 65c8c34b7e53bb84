// Kubernetes objects as Pulumi keeps them: taken out of properties, normalised, pruned to the shape of
// the inputs, and put together with those as a resource's state. Pure.
import {
  containsSecrets,
  isObject,
  isSecret,
  isUnknown,
  type Properties,
  secret,
  type Value,
  withoutSecrets,
} from "../property-values.ts";
import { isBuiltIn } from "./object-kind.ts";

/** Reading a field that need not be there, without a type for every kind. */
export function field(object: Value | undefined, ...path: string[]): Value | undefined {
  let value = object;
  for (const step of path) {
    if (!isObject(value)) return undefined;
    value = value[step];
  }
  return value;
}

export function text(object: Value | undefined, ...path: string[]): string {
  const value = field(object, ...path);
  return typeof value === "string" && !isUnknown(value) ? value : "";
}

export function annotation(object: Properties, name: string): string {
  return text(object, "metadata", "annotations", name);
}

/** Where the object lives; the name is empty while it is unknown. */
export function addressOf(object: Properties): {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
} {
  const namespace = text(object, "metadata", "namespace");
  return {
    apiVersion: text(object, "apiVersion").replace(/^core\//, ""),
    kind: text(object, "kind"),
    metadata: { name: text(object, "metadata", "name"), ...(namespace && { namespace }) },
  };
}

/** The id of a resource: `namespace/name`, or `name` where there is no namespace. */
export function idOf(object: Properties): string {
  const { name, namespace } = addressOf(object).metadata;
  return namespace ? `${namespace}/${name}` : name;
}

/** Property names that TypeScript spells with underscores, JSON schemas in CRDs with dashes. */
const UNDERSCORED =
  /^x_kubernetes_(embedded_resource|int_or_string|list_map_keys|list_type|map_type|preserve_unknown_fields|validations)$/;
const DASHED =
  /^x-kubernetes-(embedded-resource|int-or-string|list-map-keys|list-type|map-type|preserve-unknown-fields|validations)$/;

function renameKeys(value: Value, rename: (key: string) => string): Value {
  if (Array.isArray(value)) return value.map((entry) => renameKeys(entry, rename));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [rename(key), renameKeys(entry, rename)]),
  );
}

/** The object that properties describe: envelopes opened, keys as the API server spells them. */
export function objectOf(properties: Properties): Properties {
  const plain = withoutSecrets(properties) as Properties;
  return renameKeys(plain, (key) => (UNDERSCORED.test(key) ? key.replaceAll("_", "-") : key)) as Properties;
}

function propertiesOf(object: Properties): Properties {
  return renameKeys(object, (key) => (DASHED.test(key) ? key.replaceAll("-", "_") : key)) as Properties;
}

const READ_ONLY_METADATA = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "uid",
];

/** Brings spellings that mean the same into one form, and drops what only the server may set. */
export function normalized(object: Properties): Properties {
  const result = isBuiltIn(text(object, "apiVersion")) ? (withoutNulls(object) as Properties) : { ...object };
  if (isObject(result.metadata)) {
    result.metadata = Object.fromEntries(
      Object.entries(result.metadata).filter(([key]) => !READ_ONLY_METADATA.includes(key)),
    );
  }
  if (isSecretObject(result)) normalizeSecret(result);
  if (result.kind === "CustomResourceDefinition") normalizeDefinition(result);
  return result;
}

function withoutNulls(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => entry !== null)
      .map(([key, entry]) => [key, withoutNulls(entry)]),
  );
}

export function isSecretObject(object: Properties): boolean {
  return object.kind === "Secret" && text(object, "apiVersion").replace(/^core\//, "") === "v1";
}

/** `stringData` becomes base64 under `data`, as the server does; not while a value of it is unknown. */
function normalizeSecret(object: Properties): void {
  const { stringData, data } = object;
  const texts = isObject(stringData) ? Object.entries(stringData) : [];
  if (texts.length > 0) {
    if (!texts.every(([, value]) => typeof value === "string" && !isUnknown(value)) || isUnknown(data))
      return;
    const encoded = texts.map(([key, value]) => [key, Buffer.from(value as string).toString("base64")]);
    object.data = { ...(isObject(data) ? data : {}), ...Object.fromEntries(encoded) };
    delete object.stringData;
  } else if (isObject(data)) {
    object.data = Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, withoutLineBreaks(value)]),
    );
  }
}

/** Base64 may be broken into lines; the server joins them. What is no base64 stays, for the server to refuse. */
function withoutLineBreaks(value: Value): Value {
  return typeof value === "string" && /^[A-Za-z0-9+/=\r\n]*$/.test(value)
    ? value.replace(/[\r\n]/g, "")
    : value;
}

function normalizeDefinition(object: Properties): void {
  delete object.status;
  if (isObject(object.spec) && object.spec.preserveUnknownFields === false) {
    const { preserveUnknownFields: _, ...rest } = object.spec;
    object.spec = rest;
  }
}

/** Those fields of a live object that the inputs have too; lists are cut to the inputs' length. */
export function pruned(live: Value, like: Value): Value {
  if (isObject(live) && isObject(like)) {
    return Object.fromEntries(
      Object.entries(live)
        .filter(([key]) => key in like)
        .map(([key, value]) => [key, pruned(value, like[key]!)]),
    );
  }
  if (Array.isArray(live) && Array.isArray(like)) {
    return live.slice(0, like.length).map((value, index) => pruned(value, like[index]!));
  }
  return live;
}

/**
 * Marks secrets of `ins` in `outs`, which is changed. A Secret's `data` is always secret as a whole; else
 * objects are walked together, and anything that has a secret within is secret as a whole.
 */
export function annotateSecrets(outs: Properties, ins: Properties): Properties {
  if (outs.kind === "Secret") {
    for (const key of ["data", "stringData"]) {
      if (outs[key] !== undefined) outs[key] = secret(outs[key]);
    }
    return outs;
  }
  for (const [key, inValue] of Object.entries(ins)) {
    const outValue = outs[key];
    if (outValue === undefined || isSecret(outValue)) continue;
    if (isObject(outValue) && isObject(inValue) && !isSecret(inValue)) annotateSecrets(outValue, inValue);
    else if (containsSecrets(inValue)) outs[key] = secret(outValue);
  }
  return outs;
}

export interface Checkpoint {
  inputs: Properties;
  live: Properties;
  initialApiVersion: string;
  fieldManager: string;
}

/** The state of a resource: the live object, and beside it the inputs that made it. */
export function stateOf(checkpoint: Checkpoint, secretsFrom: Properties): Properties {
  return {
    ...annotateSecrets(propertiesOf(checkpoint.live), secretsFrom),
    __inputs: annotateSecrets(propertiesOf(checkpoint.inputs), secretsFrom),
    __initialApiVersion: checkpoint.initialApiVersion,
    __fieldManager: checkpoint.fieldManager,
  };
}

/** Takes a state apart again. */
export function checkpointOf(state: Properties): Checkpoint {
  const { __inputs, __initialApiVersion, __fieldManager, ...live } = objectOf(state);
  const inputs = isObject(__inputs) ? __inputs : {};
  return {
    inputs,
    live,
    initialApiVersion: (__initialApiVersion as string | undefined) ?? text(inputs, "apiVersion"),
    fieldManager: (__fieldManager as string | undefined) ?? "",
  };
}
