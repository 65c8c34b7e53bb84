// Which conditions each object gets after a check, an update or a preview. Pure; touches nothing.
import { objectPlace } from "../../model/load-objects.ts";
import { formatProblem, type Problem } from "../../model/problem.ts";
import { type ConditionType, isObserved, type Truth, type Wish } from "./conditions.ts";
import type { ObservedObject } from "./observed-objects.ts";
import type { Outcome, ResourceOutcome, Violation } from "./outcome.ts";
import { wouldChange } from "./preview.ts";

/** By the object's place; an object that is not in it keeps its conditions. */
export type Verdicts = Map<string, Wish[]>;

const VALID: Wish = { type: "Validated", status: "True", reason: "Valid", message: "" };

/** What is wrong keeps the whole stack as it is: an object left out would be taken for one that was deleted. */
export function refusedVerdicts(objects: readonly ObservedObject[], problems: readonly Problem[]): Verdicts {
  const by = new Map<string, string[]>();
  for (const problem of problems) {
    const known = by.get(problem.file) ?? [];
    by.set(problem.file, [...known, formatProblem(problem).slice(problem.file.length + 1)]);
  }
  const [first] = by.keys();
  const verdicts: Verdicts = new Map();
  for (const object of objects) {
    const place = objectPlace(object);
    const own = by.get(place);
    if (own) {
      const message = own.join("\n");
      verdicts.set(place, [
        { type: "Validated", status: "False", reason: "Refused", message },
        wish("Ready", "False", "Refused", "It is not valid; its condition Validated says why."),
      ]);
    } else if (object.kind === "DevicesCluster") {
      const message = `Nothing is updated until ${mending([...by.keys()])}.`;
      verdicts.set(place, [VALID, wish("Ready", "False", "MemberRefused", message)]);
    } else if (!isObserved(object) || wasRefused(object)) {
      verdicts.set(place, [VALID, wish("Ready", "Unknown", "Waiting", `Waits until ${first} is mended.`)]);
    }
  }
  return verdicts;
}

/** After a preview that a policy forbids to carry out: everything stays as it is. */
export function forbiddenVerdicts(
  objects: readonly ObservedObject[],
  violations: readonly Violation[],
): Verdicts {
  const said = ({ policy, message }: Violation) => `${policy}: ${message}`;
  const [first] = violations;
  const verdicts: Verdicts = new Map();
  for (const object of objects) {
    const place = objectPlace(object);
    const isCluster = object.kind === "DevicesCluster";
    const own = violations.filter((each) => each.place === place || (isCluster && each.place === undefined));
    if (own.length > 0) {
      verdicts.set(place, [VALID, wish("Ready", "False", "PolicyViolated", own.map(said).join("\n"))]);
    } else if (isCluster) {
      const message = `Nothing is updated, as a policy forbids it. ${said(first!)}`;
      verdicts.set(place, [VALID, wish("Ready", "False", "MemberForbidden", message)]);
    } else if (!isObserved(object) || wasRefused(object)) {
      const message = `Nothing is updated, as the policy ${first!.policy} forbids it.`;
      verdicts.set(place, [VALID, wish("Ready", "Unknown", "Waiting", message)]);
    }
  }
  return verdicts;
}

function mending(places: string[]): string {
  const shown = places.slice(0, 5).join(", ");
  const more = places.length > 5 ? ` and ${places.length - 5} more` : "";
  return `${shown}${more} ${places.length === 1 ? "is" : "are"} mended`;
}

function wasRefused({ status }: ObservedObject): boolean {
  return status?.conditions?.some(({ type, status }) => type === "Validated" && status === "False") === true;
}

/**
 * After an update that ran.
 *
 * @param failed undefined where all went well, else why it did not, in one line
 */
export function updateVerdicts(
  objects: readonly ObservedObject[],
  outcome: Outcome,
  failed: string | undefined,
): Verdicts {
  const verdicts: Verdicts = new Map();
  const external = new Set(objects.filter(hasExternalBroker).map(objectPlace));
  const context: Context = { outcome, failed, clusters: clusterPlaces(objects), external };
  for (const object of objects) {
    const reached = of(objectPlace(object), context).length > 0;
    // What was not reached is as it was, but for what nobody has looked at yet.
    const isKept = failed !== undefined && !reached && isObserved(object) && !wasRefused(object);
    if (isKept && object.kind !== "DevicesCluster") continue;
    const wishes = wishesFor(object, context);
    verdicts.set(objectPlace(object), [VALID, ...wishes, ready(object, wishes, context)]);
  }
  return verdicts;
}

/** After a preview that somebody has to approve. */
export function waitingVerdicts(objects: readonly ObservedObject[], outcome: Outcome, id: string): Verdicts {
  const verdicts: Verdicts = new Map();
  for (const object of objects) {
    const place = objectPlace(object);
    const changes = wouldChange(outcome, place) || object.kind === "DevicesCluster" || !isObserved(object);
    if (!changes && !wasRefused(object)) continue;
    verdicts.set(place, [
      VALID,
      wish("Ready", "Unknown", "AwaitingApproval", `Waits for approval of ${id}.`),
    ]);
  }
  return verdicts;
}

interface Context {
  outcome: Outcome;
  failed: string | undefined;
  /** The place of the DevicesCluster of each namespace. */
  clusters: Map<unknown, string>;
  /** Places of those whose broker is run by somebody else, who makes its users. */
  external: Set<string>;
}

function clusterPlaces(objects: readonly ObservedObject[]): Map<unknown, string> {
  const clusters = objects.filter(({ kind }) => kind === "DevicesCluster");
  return new Map(clusters.map((cluster) => [cluster.spec.namespace, objectPlace(cluster)]));
}

function hasExternalBroker({ kind, spec }: ObservedObject): boolean {
  const { broker } = (spec.mqtt ?? {}) as { broker?: { kind?: string } };
  return kind === "DevicesCluster" && broker?.kind === "external";
}

function wishesFor(object: ObservedObject, context: Context): Wish[] {
  switch (object.kind) {
    case "DevicesCluster":
      return [clusterCredentials(objectPlace(object), context)];
    case "DeviceClass":
      return [firmwareBuilt(objectPlace(object), context)];
    case "Device":
      return deviceWishes(object, context);
    case "DeviceGroup":
      return [];
    default:
      return object.kind satisfies never;
  }
}

/** Resources of a cluster that keep its users' and devices' credentials. */
const CREDENTIALS = ["Credentials", "Broker"];

function clusterCredentials(place: string, context: Context): Wish {
  const resources = of(place, context).filter(({ type }) => CREDENTIALS.includes(type));
  const broker = context.external.has(place)
    ? "its broker is somebody else's, who makes its users"
    : "the broker's users are up to date";
  return judged("CredentialsIssued", resources, context, {
    done: ["Issued", `The fleet remembers them, and ${broker}.`],
  });
}

function firmwareBuilt(place: string, context: Context): Wish {
  const resources = of(place, context).filter(({ type }) => type === "Firmware");
  const digest = resources.find((resource) => resource.digest)?.digest;
  return judged("FirmwareBuilt", resources, context, { done: ["Built", digest ?? ""] });
}

function deviceWishes(object: ObservedObject, context: Context): Wish[] {
  const { metadata, spec } = object;
  const reference = spec.deviceClassReference as { name: string };
  const className = `DeviceClass ${metadata.namespace}/${reference.name}`;
  const { status, reason } = firmwareBuilt(className, context);
  const firmware = wish("FirmwareBuilt", status, reason, `That of ${className}.`);
  if (spec.disabled === true) {
    const off = (type: ConditionType) => wish(type, "False", "Disabled", "The device is disabled.");
    return [firmware, off("ConfigBuilt"), off("CredentialsIssued")];
  }
  const resources = of(objectPlace(object), context).filter(({ type }) => type === "Device");
  const digest = resources.find((resource) => resource.digest)?.digest;
  const config = judged("ConfigBuilt", resources, context, { done: ["Built", digest ?? ""] });
  return [firmware, config, deviceCredentials(config, object, context)];
}

/** They are issued when the device's Secret holds them and the broker knows them, as far as that is ours. */
function deviceCredentials(config: Wish, { metadata }: ObservedObject, context: Context): Wish {
  if (config.status !== "True") return { ...config, type: "CredentialsIssued" };
  const cluster = context.clusters.get(metadata.namespace) ?? "";
  const { status, reason, message } = clusterCredentials(cluster, context);
  if (status !== "True") return wish("CredentialsIssued", status, reason, message);
  const known = context.external.has(cluster) ? "In its Secret." : "In its Secret, and known to the broker.";
  return wish("CredentialsIssued", "True", "Issued", known);
}

function judged(
  type: ConditionType,
  resources: ResourceOutcome[],
  { failed }: Context,
  { done: [reason, message] }: { done: [reason: string, message: string] },
): Wish {
  const wrong = resources.flatMap((resource) => resource.failed ?? []);
  if (wrong.length > 0) return wish(type, "False", "Failed", wrong.join("\n"));
  if (failed !== undefined && resources.length === 0) return wish(type, "Unknown", "NotReached", failed);
  return wish(type, "True", reason, message);
}

function ready(object: ObservedObject, wishes: readonly Wish[], context: Context): Wish {
  const wrong = of(objectPlace(object), context).flatMap((resource) => resource.failed ?? []);
  if (wrong.length > 0) return wish("Ready", "False", "Failed", wrong.join("\n"));
  const bad = wishes.find(({ status }) => status !== "True");
  if (bad) {
    return wish("Ready", bad.status, bad.reason, `Its condition ${bad.type} is ${bad.status}.`);
  }
  const { failed } = context;
  if (failed === undefined) return wish("Ready", "True", "Done", "");
  if (object.kind === "DevicesCluster") return wish("Ready", "False", "UpdateFailed", failed);
  const reached = of(objectPlace(object), context).length > 0;
  return reached ? wish("Ready", "True", "Done", "") : wish("Ready", "Unknown", "NotReached", failed);
}

function of(place: string, { outcome }: Context): ResourceOutcome[] {
  return outcome.resources.get(place) ?? [];
}

function wish(type: ConditionType, status: Truth, reason: string, message: string): Wish {
  return { type, status, reason, message };
}
