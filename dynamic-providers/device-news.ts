// What is to be told of a device whose Secret was written, by what it held before and holds now: names of keys, digests
// and generations, never a value. Pure; touches nothing.
import { readNvsCsv } from "../builders/nvs/csv.ts";
import type { KubernetesObject } from "../kubernetes/api.ts";
import { CONFIG_DIGEST_ANNOTATION, generationIn } from "../model/annotations.ts";
import type { Happened } from "./tell.ts";

/** Made of the others, or said by an Event of its own. */
const NOT_TOLD_KEYS = new Set(["config.bin", "config.csv", "nvs-keys.bin"]);
const NOT_TOLD_ENTRIES = new Set(["edgeflock/config", "edgeflock/gen"]);

/** @param before the Secret as it was; undefined for one that is new */
export function deviceNews(before: KubernetesObject | undefined, now: KubernetesObject): Happened[] {
  const digest = now.metadata.annotations?.[CONFIG_DIGEST_ANNOTATION] ?? "";
  const generation = generationIn(now.metadata.annotations);
  const common = { type: "Normal" as const, action: "Build" };
  if (before === undefined) {
    const note = `Configuration ${digest}, credentials of generation ${generation}.`;
    return [{ ...common, reason: "ConfigBuilt", note }];
  }
  const news: Happened[] = [];
  const former = generationIn(before.metadata.annotations);
  if (former !== generation) {
    const note = `Generation ${former ?? "unknown"} → ${generation}: flash the board to give it the new ones.`;
    news.push({ ...common, action: "Rotate", reason: "CredentialsRotated", note });
  }
  const keys = changedKeys(before, now);
  if (keys.length > 0) {
    const note = `${keys.join(", ")}; now ${digest}.`;
    news.push({ ...common, reason: "ConfigChanged", note });
  }
  return news;
}

/** Entries of the configuration as `namespace/key`, and keys of the Secret, that are new, gone or different. */
export function changedKeys(before: KubernetesObject, now: KubernetesObject): string[] {
  const entries = differing(entriesOf(before), entriesOf(now)).filter((each) => !NOT_TOLD_ENTRIES.has(each));
  const data = differing(dataOf(before), dataOf(now)).filter((each) => !NOT_TOLD_KEYS.has(each));
  return [...entries, ...data];
}

function differing(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string[] {
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((key) => one.get(key) !== other.get(key))
    .sort();
}

function entriesOf(secret: KubernetesObject): Map<string, string> {
  const text = Buffer.from(dataOf(secret).get("config.csv") ?? "", "base64").toString("utf8");
  try {
    const rows = readNvsCsv([{ file: "config.csv", content: text }], () => new Uint8Array());
    return new Map(
      rows.flatMap(({ row }) => {
        if (row.key === undefined) return [];
        const { namespace, key, type, value } = row;
        const shown = value instanceof Uint8Array ? Buffer.from(value).toString("base64") : String(value);
        return [[`${namespace}/${key}`, `${type} ${shown}`]];
      }),
    );
  } catch {
    // somebody has written something else there: then every entry is new
    return new Map();
  }
}

function dataOf(secret: KubernetesObject): Map<string, string> {
  return new Map(Object.entries((secret.data ?? {}) as Record<string, string>));
}
