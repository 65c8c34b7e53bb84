// A device's settings from its four layers: which layer wins, where each value came from, where it goes in NVS.
// Generic over what a secret is (S): a source from YAML, or a Pulumi output. Pure; touches nothing.
import { type Kind, RESERVED_NVS_NAMESPACES } from "./names.ts";
import { defaultNvsType, type NvsType, nvsValueProblem, type PlainValue } from "./nvs-type.ts";
import { compareText, formatPath } from "./problem.ts";
import { checkDestinations, destination, type MappingEntry, type NvsTarget } from "./setting-target.ts";

/** What one manifest (or component) says about a device's settings. */
export interface Layer<S> {
  kind: Kind;
  name: string;
  /** Of a DeviceGroup; default 0. */
  priority?: number;
  settings: Readonly<Record<string, PlainValue>>;
  secrets: Readonly<Record<string, S>>;
  /** Of a DeviceClass or a Device. */
  mapping?: readonly MappingEntry[];
}

/** Where a value came from. */
export interface Provenance {
  kind: Kind;
  name: string;
  /** Of a DeviceGroup. */
  priority?: number;
}

export type ResolvedSetting<S> = {
  key: string;
  from: Provenance;
  /** Lower layers that hold the key too, in the order of precedence. */
  overrides: Provenance[];
  /** Where it goes in the configuration image; absent for a key without a dot and without a mapping. */
  target?: NvsTarget;
  /** Key of the device's Kubernetes Secret that gets the value too. */
  secretKey?: string;
} & ({ secret: false; value: PlainValue } | { secret: true; source: S });

export interface ResolveProblem {
  /** Path in the manifest of `at`, for people. */
  path: string;
  /** The same path for programs; a setting's key is one segment. */
  segments: (string | number)[];
  /** The layer that it stands in. */
  at: Provenance;
  message: string;
}

export interface Layers<S> {
  cluster: Layer<S>;
  class: Layer<S>;
  groups: readonly Layer<S>[];
  device: Layer<S>;
}

/** `DeviceGroup north-hall, priority 10` */
export function provenanceText(provenance: Provenance): string {
  const priority = provenance.priority === undefined ? "" : `, priority ${provenance.priority}`;
  return `${provenance.kind} ${provenance.name}${priority}`;
}

/**
 * Resolves a device's settings: Device over DeviceGroup (higher priority first) over DeviceClass over DevicesCluster.
 * @returns settings sorted by key, and everything that is wrong with them; it does not throw.
 */
export function resolveSettings<S>(layers: Layers<S>): {
  settings: ResolvedSetting<S>[];
  problems: ResolveProblem[];
} {
  const problems: ResolveProblem[] = [];
  const settings: ResolvedSetting<S>[] = [];
  const mapping = mappingOf(layers);
  for (const [key, holders] of holdersByKey(layers)) {
    problems.push(...conflicts(key, holders));
    const winner = holders[0]!;
    const reserved = RESERVED_NVS_NAMESPACES.find((group) => key.startsWith(`${group}.`));
    if (reserved) {
      problems.push(
        problemAt(
          winner,
          key,
          `settings that begin with "${reserved}." are Edgeflock's own; choose another name`,
        ),
      );
      continue;
    }
    problems.push(...drawn(key, winner, layers));
    settings.push(resolveOne(key, holders, mapping.get(key), problems));
  }
  settings.sort((a, b) => compareText(a.key, b.key));
  problems.push(...checkDestinations(settings, placeOf));
  return { settings, problems };
}

/** A layer that holds a key, in plain or as a secret. */
interface Holder<S> {
  layer: Layer<S>;
  from: Provenance;
  secret: boolean;
}

/** All layers that hold each key, the one that wins first. */
function holdersByKey<S>(layers: Layers<S>): Map<string, Holder<S>[]> {
  const found = new Map<string, Holder<S>[]>();
  const add = (key: string, holder: Holder<S>) => {
    const holders = found.get(key);
    if (holders) holders.push(holder);
    else found.set(key, [holder]);
  };
  const groups = [...layers.groups].sort(
    (a, b) => (b.priority ?? 0) - (a.priority ?? 0) || compareText(a.name, b.name),
  );
  for (const layer of [layers.device, ...groups, layers.class, layers.cluster]) {
    const from = provenanceOf(layer);
    for (const key of Object.keys(layer.settings)) add(key, { layer, from, secret: false });
    for (const key of Object.keys(layer.secrets)) add(key, { layer, from, secret: true });
  }
  return found;
}

export function provenanceOf<S>(layer: Layer<S>): Provenance {
  const { kind, name } = layer;
  return kind === "DeviceGroup" ? { kind, name, priority: layer.priority ?? 0 } : { kind, name };
}

function conflicts<S>(key: string, holders: Holder<S>[]): ResolveProblem[] {
  const problems: ResolveProblem[] = [];
  const winner = holders[0]!;
  const secret = holders.find((holder) => holder.secret);
  for (const holder of holders) {
    if (secret && !holder.secret) problems.push(problemAt(holder, key, plainAndSecret(key, secret.from)));
    if (holder !== winner && holder.layer !== winner.layer && tied(holder.from, winner.from)) {
      const other = provenanceText(winner.from);
      problems.push(
        problemAt(
          holder,
          key,
          `"${key}" is set by ${other}, too; give one of the two groups a higher priority`,
        ),
      );
    }
  }
  return problems;
}

/** A key that is secret in one layer is secret in all (design §2). */
export function plainAndSecret(key: string, secretIn: Provenance): string {
  return `"${key}" is a secret in ${provenanceText(secretIn)}, so it is a secret everywhere; move it to "secrets"`;
}

function tied(a: Provenance, b: Provenance): boolean {
  return a.kind === "DeviceGroup" && b.kind === "DeviceGroup" && a.priority === b.priority;
}

function resolveOne<S>(
  key: string,
  holders: Holder<S>[],
  entry: MappingEntry | undefined,
  problems: ResolveProblem[],
): ResolvedSetting<S> {
  const winner = holders[0]!;
  const value = winner.secret ? undefined : winner.layer.settings[key]!;
  const common = {
    key,
    from: winner.from,
    overrides: holders.slice(1).map((holder) => holder.from),
    ...(entry?.secretKey === undefined ? {} : { secretKey: entry.secretKey }),
  };
  const target = targetOf(key, entry, value, winner, problems);
  const withTarget = target === undefined ? common : { ...common, target };
  return value === undefined
    ? { ...withTarget, secret: true, source: winner.layer.secrets[key]! }
    : { ...withTarget, secret: false, value };
}

function targetOf<S>(
  key: string,
  entry: MappingEntry | undefined,
  value: PlainValue | undefined,
  winner: Holder<S>,
  problems: ResolveProblem[],
): NvsTarget | undefined {
  const place = destination(key, entry);
  if ("problem" in place) {
    problems.push(problemAt(winner, key, place.problem));
    return undefined;
  }
  if (place.namespace === undefined) return undefined;
  // the text of a secret is checked where it is known, when the image is built
  const type: NvsType = entry?.type ?? (value === undefined ? "string" : defaultNvsType(value));
  const wrong = value === undefined ? undefined : nvsValueProblem(type, value);
  if (wrong) problems.push(problemAt(winner, key, wrong));
  return { namespace: place.namespace, key: place.key, type };
}

/**
 * A device gives no place to a secret from above that reaches no device without it, a token for builds say: whoever
 * manages devices reads what they get. It may move one that it gets anyway.
 */
function drawn<S>(key: string, winner: Holder<S>, layers: Layers<S>): ResolveProblem[] {
  if (!winner.secret || winner.layer === layers.device) return [];
  const entries = layers.device.mapping ?? [];
  const index = entries.findIndex(({ setting }) => setting === key);
  if (index < 0) return [];
  const usual = layers.class.mapping?.find(({ setting }) => setting === key);
  const place = destination(key, usual);
  if (usual?.secretKey !== undefined || ("key" in place && place.key !== undefined)) return [];
  const segments = ["spec", "mapping", index, "setting"];
  const message = `"${key}" is a secret of ${provenanceText(winner.from)} that goes to no device, and a Device cannot change that; map it in DeviceClass ${layers.class.name}`;
  return [{ path: formatPath(segments), segments, at: provenanceOf(layers.device), message }];
}

/** The device's entry for a setting replaces the class's. */
function mappingOf<S>(layers: Layers<S>): Map<string, MappingEntry> {
  const entries = new Map<string, MappingEntry>();
  for (const entry of layers.class.mapping ?? []) entries.set(entry.setting, entry);
  for (const entry of layers.device.mapping ?? []) entries.set(entry.setting, entry);
  return entries;
}

function placeOf<S>(setting: ResolvedSetting<S>): { at: Provenance; segments: (string | number)[] } {
  return { at: setting.from, segments: settingSegments(setting.from.kind, setting.key, setting.secret) };
}

function problemAt<S>(holder: Holder<S>, key: string, message: string): ResolveProblem {
  const segments = settingSegments(holder.layer.kind, key, holder.secret);
  return { path: formatPath(segments), segments, at: holder.from, message };
}

/** Where a setting stands in its manifest. A Device calls its plain settings `data`. */
export function settingSegments(kind: Kind, key: string, secret: boolean): string[] {
  return ["spec", secret ? "secrets" : kind === "Device" ? "data" : "settings", key];
}
