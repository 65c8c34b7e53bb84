// What became of an update or preview, object by object, from the engine's event log. Pure; touches nothing.
// The log: one JSON document a line, https://www.pulumi.com/docs/iac/automation-api/ (EngineEvent)

import { createHash } from "node:crypto";
import { stripVTControlCharacters } from "node:util";
import type { EngineEvent, PolicyEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import type { Kind } from "../../model/names.ts";
import type { Problem } from "../../model/problem.ts";

/** One resource that belongs to an object. */
export interface ResourceOutcome {
  /** `Device`, `Firmware`, `kubernetes:core/v1:Secret`; without the prefix of our own types. */
  type: string;
  op: string;
  /** Why it failed; undefined where it is as it should be. */
  failed?: string;
  /** Inputs that changed, by name; never their values. */
  changed: string[];
  /** `sha256:…` of a class's firmware or a device's configuration image, once it is known. */
  digest?: string;
  /** Of a resource that changes: a digest of all its inputs, in which secrets are fingerprints or masked. */
  inputs?: string;
}

/** What a policy says against what would be. */
export interface Violation {
  policy: string;
  /** Forbids the update; one that is not only speaks. */
  isMandatory: boolean;
  /** The object that it is about; undefined for the stack as a whole. */
  place: string | undefined;
  message: string;
}

export interface Outcome {
  /** By the place of the object that they belong to, such as `Device greenhouse/cam-001`. */
  resources: Map<string, ResourceOutcome[]>;
  /** Of resources that belong to no object: providers, what all fleets share. */
  stackwide: (ResourceOutcome & { name: string })[];
  /** By operation, without those that stay the same; of resources that are seen in a preview. */
  changes: Record<string, number>;
  /** What was said as errors and is about no resource: each once. */
  errors: string[];
  violations: Violation[];
}

const OWN_TYPE = /^edgeflock:index:(\w+)$/;
const OBJECT_KINDS = new Set<string>(["DevicesCluster", "DeviceClass", "DeviceGroup", "Device"]);
/** Inputs of our resources that are no setting. */
const NO_SETTING = new Set(["__provider", "image", "secrets", "access", "owner", "clusterUid"]);
/** What has nothing of its own: our components, the stack itself. */
const COMPONENT = /^(edgeflock:|pulumi:pulumi:Stack$)/;

/**
 * @param lines of the event log
 * @param clusterOf name of the DevicesCluster in a namespace
 */
export async function readOutcome(
  lines: Iterable<string> | AsyncIterable<string>,
  clusterOf: (namespace: string) => string | undefined,
): Promise<Outcome> {
  const outcome: Outcome = {
    ...{ resources: new Map(), stackwide: [] },
    ...{ changes: {}, errors: [], violations: [] },
  };
  const messages = new Map<string, string[]>();
  const failed: StepEventMetadata[] = [];
  for await (const line of lines) {
    const event = parse(line);
    if (!event) continue;
    const { resOutputsEvent, resOpFailedEvent, diagnosticEvent, summaryEvent, policyEvent } = event;
    if (resOutputsEvent) note(outcome, resOutputsEvent.metadata, clusterOf);
    if (resOpFailedEvent) failed.push(resOpFailedEvent.metadata);
    if (diagnosticEvent?.severity === "error") {
      const { urn = "", message } = diagnosticEvent;
      messages.set(urn, [...(messages.get(urn) ?? []), tidy(message)]);
    }
    if (policyEvent) outcome.violations.push(violationOf(policyEvent, clusterOf));
    if (summaryEvent) {
      const { same: _, ...changes } = summaryEvent.resourceChanges as Record<string, number>;
      outcome.changes = changes;
    }
  }
  for (const metadata of failed) {
    const said = messages.get(metadata.urn) ?? [];
    messages.delete(metadata.urn);
    note(outcome, metadata, clusterOf, said.join("\n") || `${metadata.op} failed`);
  }
  outcome.errors = [...new Set([...messages.values()].flat())];
  return outcome;
}

/** Lines that cannot matter are not even parsed: of a large fleet nearly all. */
function parse(line: string): EngineEvent | undefined {
  if (!/"(resOutputsEvent|resOpFailedEvent|diagnosticEvent|summaryEvent|policyEvent)":/.test(line))
    return undefined;
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    // the end of a log whose writer was killed
    return undefined;
  }
}

function note(
  outcome: Outcome,
  metadata: StepEventMetadata,
  clusterOf: (namespace: string) => string | undefined,
  failed?: string,
): void {
  if (COMPONENT.test(metadata.type)) return;
  const place = objectOf(metadata.urn, clusterOf);
  const resource = resourceOf(metadata, failed);
  if (place === undefined) {
    outcome.stackwide.push({ ...resource, name: metadata.urn.split("::").slice(3).join("::") });
    return;
  }
  const known = outcome.resources.get(place) ?? [];
  known.push(resource);
  outcome.resources.set(place, known);
}

function resourceOf(metadata: StepEventMetadata, failed: string | undefined): ResourceOutcome {
  const digest = digestOf(metadata);
  const inputs = metadata.op === "same" ? undefined : metadata.new?.inputs;
  return {
    type: metadata.type.replace(/^pulumi-nodejs:dynamic\/edgeflock:/, ""),
    op: metadata.op,
    ...(failed !== undefined && { failed }),
    changed: changedInputs(metadata),
    ...(digest !== undefined && { digest }),
    ...(inputs !== undefined && {
      inputs: createHash("sha256").update(JSON.stringify(inputs)).digest("hex"),
    }),
  };
}

function violationOf(
  { policyName, enforcementLevel, resourceUrn, message }: PolicyEvent,
  clusterOf: (namespace: string) => string | undefined,
): Violation {
  return {
    policy: policyName,
    isMandatory: enforcementLevel === "mandatory",
    place: resourceUrn === undefined ? undefined : objectOf(resourceUrn, clusterOf),
    message: tidy(message),
  };
}

/** The object whose component a resource stands in; undefined for what belongs to the stack as a whole. */
export function objectOf(
  urn: string,
  clusterOf: (namespace: string) => string | undefined,
): string | undefined {
  const [, , types = "", ...rest] = urn.split("::");
  const chain = types.split("$").flatMap((type) => OWN_TYPE.exec(type)?.[1] ?? []);
  const kind = chain.at(-1);
  const [first = "", second] = rest.join("::").split("/");
  if (kind === undefined) return undefined;
  if (kind === "DevicesCluster") return `DevicesCluster ${first}`;
  if (OBJECT_KINDS.has(kind)) return `${kind as Kind} ${first}/${second}`;
  // What a fleet has as a whole, such as FleetAccess, is called after its namespace.
  const cluster = clusterOf(first);
  return cluster === undefined ? undefined : `DevicesCluster ${cluster}`;
}

function changedInputs({ old, new: now }: StepEventMetadata): string[] {
  if (!old || !now) return [];
  const keys = new Set([...Object.keys(old.inputs ?? {}), ...Object.keys(now.inputs ?? {})]);
  return [...keys]
    .filter((key) => !NO_SETTING.has(key))
    .filter((key) => JSON.stringify(old.inputs?.[key]) !== JSON.stringify(now.inputs?.[key]))
    .map((key) => key.replace(/^setting\./, ""))
    .sort();
}

function digestOf({ new: now }: StepEventMetadata): string | undefined {
  const outputs = now?.outputs as { configDigest?: unknown; reference?: { digest?: unknown } } | undefined;
  const digest = outputs?.configDigest ?? outputs?.reference?.digest;
  return typeof digest === "string" && digest.startsWith("sha256:") ? digest : undefined;
}

/** As text: no colours, no control characters, no empty lines. */
function tidy(message: string): string {
  return stripVTControlCharacters(message.replace(/<\{%[^%]*%\}>/g, ""))
    .split("\n")
    .map((line) => line.replace(/\p{Cc}+/gu, " ").trimEnd())
    .filter((line) => line !== "")
    .join("\n");
}

/** What a program said of objects before it declared anything: `Device greenhouse/cam-001 spec.secrets.x: …`. */
export function problemsSaid(errors: readonly string[], isObject: (place: string) => boolean): Problem[] {
  return errors
    .flatMap((text) => text.split("\n"))
    .flatMap((line) => {
      const [, place = "", message = ""] = /(\w+ [\w./-]+) (.+)$/.exec(line) ?? [];
      return isObject(place) ? [{ file: place, path: "", message }] : [];
    });
}
