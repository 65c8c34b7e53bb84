// The conditions of an object and how they change. Pure; touches nothing.
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties

export const CONDITION_TYPES = [
  "Validated",
  "FirmwareBuilt",
  "ConfigBuilt",
  "CredentialsIssued",
  "Ready",
] as const;
export type ConditionType = (typeof CONDITION_TYPES)[number];
export type Truth = "True" | "False" | "Unknown";

export interface Condition {
  type: string;
  status: Truth;
  observedGeneration?: number;
  /** RFC 3339; when `status` changed last. */
  lastTransitionTime: string;
  reason: string;
  message: string;
}

export interface Status {
  observedGeneration?: number;
  conditions?: Condition[];
  preview?: StatusPreview | null;
  /** Of a DevicesCluster: the approval that was used up last. */
  approved?: string;
}

/** What an update would do, for a person to approve. */
export interface StatusPreview {
  /** What the annotation `edgeflock.io/approve` has to say. */
  id: string;
  summary: string;
  /** A line each: `update Device greenhouse/cam-001: wifi.password`. */
  changes: string[];
}

/** What a condition is to be. */
export interface Wish {
  type: ConditionType;
  status: Truth;
  /** One word in CamelCase. */
  reason: string;
  message: string;
}

/** Kubernetes' own limit for messages of conditions is far above; the CRDs' is this. */
const LONGEST_MESSAGE = 4096;

/**
 * The status with these conditions in place of those of their types; undefined where nothing of it changes.
 *
 * @param generation of the object that the wishes are about
 * @param now RFC 3339, to the second
 */
export function nextStatus(
  status: Status | undefined,
  wishes: readonly Wish[],
  generation: number,
  now: string,
): Status | undefined {
  const before = new Map((status?.conditions ?? []).map((condition) => [condition.type, condition]));
  const wanted = wishes.map((wish) => conditionFor(wish, before.get(wish.type), generation, now));
  const types = new Set<string>(wishes.map(({ type }) => type));
  const others = [...before.values()].filter(({ type }) => !types.has(type));
  const conditions = [...others, ...wanted].sort((a, b) => order(a.type) - order(b.type));
  const next = { observedGeneration: generation, conditions };
  const same =
    status?.observedGeneration === generation &&
    JSON.stringify(status.conditions?.map(plain)) === JSON.stringify(conditions.map(plain));
  return same ? undefined : next;
}

function conditionFor(
  wish: Wish,
  before: Condition | undefined,
  observedGeneration: number,
  now: string,
): Condition {
  const { type, status, reason, message } = wish;
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
  return { type, status, observedGeneration, lastTransitionTime, reason, message: cut(message) };
}

function order(type: string): number {
  const index = CONDITION_TYPES.indexOf(type as ConditionType);
  return index < 0 ? CONDITION_TYPES.length : index;
}

/** In one order of fields, whoever wrote it. */
function plain({ type, status, observedGeneration, lastTransitionTime, reason, message }: Condition) {
  return [type, status, observedGeneration, lastTransitionTime, reason, message];
}

function cut(message: string): string {
  if (message.length <= LONGEST_MESSAGE) return message;
  return `${message.slice(0, LONGEST_MESSAGE - 1)}…`.toWellFormed();
}

/** Whether the object's own conditions are about its present generation. */
export function isObserved(object: { metadata: { generation: number }; status?: Status }): boolean {
  return object.status?.observedGeneration === object.metadata.generation;
}
