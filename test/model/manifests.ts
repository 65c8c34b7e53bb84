// Small manifests for tests, and what loading them says.
import { loadManifests } from "../../model/load-manifests.ts";
import { formatProblem, ProblemsError } from "../../model/problem.ts";

export const CLUSTER = `apiVersion: edgeflock.io/v1alpha1
kind: DevicesCluster
metadata: { name: greenhouse }
spec:
  namespace: greenhouse
  mqtt: { broker: { kind: mosquitto, host: mqtt.example }, topicRoot: greenhouse }
`;

export const CLASS = `apiVersion: edgeflock.io/v1alpha1
kind: DeviceClass
metadata: { name: node }
spec:
  chip: esp32
  firmware: { builder: { name: native } }
`;

/** A DeviceGroup `name` with further lines of its spec. */
export function group(name: string, spec: string): string {
  return `apiVersion: edgeflock.io/v1alpha1
kind: DeviceGroup
metadata: { name: ${name} }
spec:
${indent(spec)}`;
}

/** A Device of class `node` with further lines of its spec. */
export function device(name: string, spec = "", labels = "{ hall: north }"): string {
  return `apiVersion: edgeflock.io/v1alpha1
kind: Device
metadata: { name: ${name}, labels: ${labels} }
spec:
  deviceClassReference: { name: node }
${indent(spec)}`;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ").replace(/([^\n])$/, "$1\n");
}

/** Documents in one file. */
export function stack(...documents: string[]): string {
  return documents.join("---\n");
}

/** A good cluster and class, and then these. */
export function fleet(...documents: string[]): string {
  return stack(CLUSTER, CLASS, ...documents);
}

/** What loading a text (as the file `f.yaml`), or several files, finds wrong: one formatted problem each. */
export function problemsOf(input: string | Record<string, string>): string[] {
  const files = typeof input === "string" ? { "f.yaml": input } : input;
  try {
    loadManifests(Object.entries(files).map(([path, text]) => ({ path, text })));
    return [];
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems.map(formatProblem);
    throw error;
  }
}

export function load(text: string) {
  return loadManifests([{ path: "f.yaml", text }]);
}

/** `line:column` of a needle in a text, as problems write it. */
export function positionOf(text: string, needle: string, from = 0): string {
  const offset = text.indexOf(needle, from);
  if (offset < 0) throw new Error(`${needle} is not in the text`);
  const before = text.slice(0, offset).split("\n");
  return `${before.length}:${before.at(-1)!.length + 1}`;
}
