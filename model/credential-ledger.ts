// What a fleet remembers of its credentials: which generation each device has, since when, which older ones its broker
// still takes, and which names were retired. Decides what an update hands out next. Pure; touches nothing.
import { addDays } from "./days.ts";
import type { Place } from "./former-names.ts";
import { VisibleError } from "./visible-error.ts";

/** What is remembered of one name. */
export interface CredentialRecord {
  /** The latest generation that was handed out under this name, from 1. */
  generation: number;
  /** The oldest that the broker takes beside it. */
  oldest: number;
  /** `spec.credentials.generation` at that time: only a raise of it counts, whatever was counted on by age. */
  declared: number;
  /** When the latest was handed out: a day in UTC, `YYYY-MM-DD`. */
  issued: string;
}

export interface CredentialLedger {
  /** By device, as `ledgerKey` names it. */
  devices: ReadonlyMap<string, CredentialRecord>;
  /** Names that were revoked, with the last generation that somebody may hold. */
  retired: ReadonlyMap<string, number>;
}

/** What a manifest asks for. */
export interface CredentialWish {
  /** `spec.credentials.generation` */
  declared: number;
  keepPrevious: boolean;
  /** Days after which a new generation is due. */
  maxAge?: number | undefined;
}

export const EMPTY_LEDGER: CredentialLedger = { devices: new Map(), retired: new Map() };

/** A device's oldest name; with its namespace where it came from another one. */
export function ledgerKey(original: Place, namespace: string): string {
  return original.namespace === namespace ? original.name : `${original.namespace}/${original.name}`;
}

/**
 * What a device has from this update on. The same again when the update is repeated, and when nothing changed.
 *
 * @param key of the device in the ledger
 * @param today `YYYY-MM-DD`
 * @param seen the generation that the device's board is known to hold
 * @throws VisibleError where the manifest's generation went down
 */
export function credentialFor(
  key: string,
  wish: CredentialWish,
  ledger: CredentialLedger,
  today: string,
  seen?: number,
): CredentialRecord {
  const { declared } = wish;
  const retired = ledger.retired.get(key);
  const before = ledger.devices.get(key);
  if (retired !== undefined && (before === undefined || before.generation <= retired)) {
    // Whoever holds a retired credential must not get in because the name is used again.
    return { generation: retired + 1, oldest: retired + 1, declared, issued: today };
  }
  if (before === undefined) {
    const oldest = wish.keepPrevious ? Math.max(1, declared - 1) : declared;
    return { generation: declared, oldest, declared, issued: today };
  }
  if (declared < before.declared) throw wentDown(key, declared, before.declared);
  const raised = declared - before.declared;
  const due = raised === 0 && wish.maxAge !== undefined && today >= addDays(before.issued, wish.maxAge);
  const generation = before.generation + raised + (due ? 1 : 0);
  // What was never handed out cannot have been seen.
  const held = seen !== undefined && seen <= before.generation ? seen : 0;
  const oldest = wish.keepPrevious ? Math.max(before.oldest, held) : generation;
  const issued = generation === before.generation ? before.issued : today;
  return { generation, oldest, declared, issued };
}

/** Whether it matters which generation a board holds. */
export function hasOlderGenerations(ledger: CredentialLedger): boolean {
  return [...ledger.devices.values()].some(({ generation, oldest }) => oldest < generation);
}

export interface LedgerUpdate {
  ledger: CredentialLedger;
  /** Devices that were given, or left, a generation which is known to be retired: of a ledger that had been lost. */
  revived: string[];
}

/**
 * What is to be remembered once an update hands out `wanted`: who is not among them any more is retired.
 *
 * @param known what was remembered, in one place or several; of two that disagree the higher generation is true
 */
export function updateLedger(
  known: readonly CredentialLedger[],
  wanted: ReadonlyMap<string, CredentialRecord>,
): LedgerUpdate {
  const retired = new Map<string, number>();
  const retire = (key: string, generation: number) =>
    retired.set(key, Math.max(generation, retired.get(key) ?? 0));
  for (const ledger of known) {
    for (const [key, generation] of ledger.retired) retire(key, generation);
    for (const [key, { generation }] of ledger.devices) if (!wanted.has(key)) retire(key, generation);
  }
  const devices = new Map<string, CredentialRecord>();
  const revived: string[] = [];
  for (const [key, record] of wanted) {
    if (record.generation <= (retired.get(key) ?? 0)) {
      revived.push(key);
      continue;
    }
    const oldest = Math.max(
      record.oldest,
      ...known.map((ledger) => endedBefore(ledger.devices.get(key), record)),
    );
    if (oldest > record.oldest) revived.push(key);
    devices.set(key, oldest > record.oldest ? { ...record, oldest } : record);
  }
  return { ledger: { devices, retired }, revived };
}

/** The first generation that was not ended, as far as one memory knows: what is older is taken no longer. */
function endedBefore(before: CredentialRecord | undefined, now: CredentialRecord): number {
  return before !== undefined && before.oldest <= now.generation ? before.oldest : 0;
}

function wentDown(key: string, declared: number, before: number): VisibleError {
  return new VisibleError(
    `Device "${key}": spec.credentials.generation went down, from ${before} to ${declared}.`,
    {
      hint: `A board may hold the newer credentials already, so generations only go up: leave it at ${before}, or raise it to ${before + 1}.`,
    },
  );
}
