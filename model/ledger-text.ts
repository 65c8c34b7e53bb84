// A fleet's credential ledger as text for a ConfigMap and for the state: devices that have the same go on one line, so
// that 10,000 of them take their names and little more. No secret is in it. Pure; touches nothing.
import type { CredentialLedger, CredentialRecord } from "./credential-ledger.ts";
import { isDay } from "./days.ts";
import { compareText } from "./problem.ts";

/** ConfigMap of the fleet's namespace that keeps it. */
export const LEDGER_CONFIG_MAP = "edgeflock-credentials";
/** By what they have, as a preview shows it; names sorted. */
export type LedgerGroups = Record<string, string[]>;

const GROUP = /^generation (\d+)( \(from (\d+)\))? of (\d{4}-\d\d-\d\d), declared (\d+)$/;

export function groupRecords(devices: ReadonlyMap<string, CredentialRecord>): LedgerGroups {
  const groups: LedgerGroups = {};
  for (const [key, record] of devices) {
    const label = groupLabel(record);
    groups[label] ??= [];
    groups[label].push(key);
  }
  return Object.fromEntries(
    Object.entries(groups)
      .sort(([a], [b]) => compareText(a, b))
      .map(([label, names]) => [label, names.sort(compareText)]),
  );
}

/** `generation 2 (from 1) of 2026-11-25, declared 2`: generation 1 is taken too. */
function groupLabel({ generation, oldest, declared, issued }: CredentialRecord): string {
  const from = oldest === generation ? "" : ` (from ${oldest})`;
  return `generation ${generation}${from} of ${issued}, declared ${declared}`;
}

function readGroupLabel(label: string): CredentialRecord | undefined {
  const [, generation, , oldest, issued = "", declared] = GROUP.exec(label) ?? [];
  if (generation === undefined || !isDay(issued)) return undefined;
  return {
    generation: Number(generation),
    oldest: Number(oldest ?? generation),
    declared: Number(declared),
    issued,
  };
}

/** @throws Error for a label that this page did not write */
export function ungroupRecords(groups: LedgerGroups): Map<string, CredentialRecord> {
  const devices = new Map<string, CredentialRecord>();
  for (const [label, names] of Object.entries(groups)) {
    const record = readGroupLabel(label);
    if (record === undefined || !Array.isArray(names)) throw unreadable();
    for (const name of names) devices.set(String(name), record);
  }
  return devices;
}

/** What one device's Secret holds: it tells which board has what, and takes the ledger's place should that be lost. */
export function deviceRecordText(key: string, record: CredentialRecord): string {
  return `${key}: ${groupLabel(record)}`;
}

/** Undefined for another text. */
export function readDeviceRecord(
  text: string | undefined,
): { key: string; record: CredentialRecord } | undefined {
  const [, key, label] = /^([a-z0-9-]+(?:\/[a-z0-9-]+)?): (.+)$/.exec(text ?? "") ?? [];
  const record = readGroupLabel(label ?? "");
  return key === undefined || record === undefined ? undefined : { key, record };
}

/** The ConfigMap's data. */
export function ledgerData(ledger: CredentialLedger): Record<string, string> {
  const lines = (record: object) =>
    `{\n${Object.entries(record)
      .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
      .join(",\n")}\n}\n`;
  return {
    devices: lines(groupRecords(ledger.devices)),
    retired: lines(retiredRecord(ledger.retired)),
  };
}

export function retiredRecord(retired: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...retired].sort(([a], [b]) => compareText(a, b)));
}

/** @throws Error where it is not what `ledgerData` writes */
export function readLedgerData(data: Readonly<Record<string, string>>): CredentialLedger {
  const retired = Object.entries(parsed(data.retired)).map(([key, generation]) => {
    if (!Number.isSafeInteger(generation) || (generation as number) < 1) throw unreadable();
    return [key, generation as number] as const;
  });
  return { devices: ungroupRecords(parsed(data.devices) as LedgerGroups), retired: new Map(retired) };
}

function parsed(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // said below
  }
  throw unreadable();
}

function unreadable(): Error {
  return new Error(`it does not have the form that Edgeflock writes`);
}
