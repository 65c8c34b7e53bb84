// Names of objects whose inputs give none: the resource's name and a random ending, kept from then on. Pure.
import { createHash, randomBytes } from "node:crypto";
import { VisibleError } from "../../../model/visible-error.ts";
import { isObject, isUnknown, type Properties } from "../property-values.ts";
import { annotation, field, text } from "./api-object.ts";

/** Marks objects that Pulumi named. */
const AUTONAMED = "pulumi.com/autonamed";
const MANAGED_BY = "app.kubernetes.io/managed-by";

export interface Autonaming {
  disabled: boolean;
  /** A name that the engine proposes, by the project's own pattern. */
  proposedName: string;
}

export function isAutonamed(object: Properties): boolean {
  return annotation(object, AUTONAMED) === "true";
}

/** Whether the inputs give a name, be it one that is not known yet. */
export function isNamed(object: Properties): boolean {
  const name = field(object, "metadata", "name");
  return isUnknown(name) || (typeof name === "string" && name !== "");
}

/**
 * Names the object, which is changed: by its old name where Pulumi gave that, else afresh.
 *
 * @throws VisibleError for generateName, which server-side apply cannot do
 */
export function assignName(
  object: Properties,
  old: Properties | undefined,
  options: { resourceName: string; randomSeed: Uint8Array; autonaming: Autonaming | undefined },
): void {
  const metadata = isObject(object.metadata) ? object.metadata : {};
  object.metadata = metadata;
  if (old && text(old, "metadata", "labels", MANAGED_BY) === "pulumi") {
    metadata.labels = { ...(isObject(metadata.labels) ? metadata.labels : {}), [MANAGED_BY]: "pulumi" };
  }
  if (isNamed(object)) return;
  if (old && isAutonamed(old)) {
    setName(metadata, text(old, "metadata", "name"));
    return;
  }
  if (metadata.generateName) {
    throw new VisibleError(
      `"${options.resourceName}" sets metadata.generateName, which Pulumi cannot apply.`,
      {
        hint: "Leave both name and generateName out: Pulumi then makes up a name with a random ending.",
      },
    );
  }
  if (old) return;
  if (options.autonaming?.disabled) {
    throw new VisibleError(`Autonaming is disabled, and "${options.resourceName}" sets no metadata.name.`);
  }
  setName(
    metadata,
    options.autonaming?.proposedName || `${options.resourceName}-${ending(options.randomSeed)}`,
  );
}

function setName(metadata: Properties, name: string): void {
  metadata.name = name;
  metadata.annotations = {
    ...(isObject(metadata.annotations) ? metadata.annotations : {}),
    [AUTONAMED]: "true",
  };
}

/** Eight hexadecimal digits; the same for a preview and the update that follows it, by the engine's seed. */
function ending(seed: Uint8Array): string {
  if (seed.length === 0) return randomBytes(4).toString("hex");
  return createHash("sha256").update(seed).digest("hex").slice(0, 8);
}

/** A field manager for a new resource: one each, so that two resources never share a field unseen. */
export function newFieldManager(): string {
  return `pulumi-kubernetes-${randomBytes(4).toString("hex")}`;
}
