// The figures of the scale benchmark as rows of its table, and what was aimed at. Pure.
import type { Row } from "../row.ts";
import type { Figures } from "./meter.ts";

/** One size of a fleet, or of the bare program. */
export interface PeerFigures {
  size: number;
  /** The first up. */
  up: Figures;
  stateBytes: number;
  /** An up and a preview with nothing to do. */
  again: Figures;
  preview: Figures;
  /** Preview after the password of one device in ten changed. */
  changed: Figures;
  /** Up with one device less, and with one more. */
  removed: Figures;
  added: Figures;
  refresh: Figures;
}

export interface FleetFigures extends PeerFigures {
  /** Seconds to read, check and resolve the manifests. */
  load: number;
}

const PEER = "bare Pulumi program";
const RUNS = {
  up: "first up",
  again: "up with nothing to do",
  preview: "preview with nothing to do",
  changed: "preview of a new password for one group",
  removed: "up, one device removed",
  added: "up, one device added",
  refresh: "refresh",
} as const;
type Run = keyof typeof RUNS;

export function rowsOf(fleet: FleetFigures, peer: PeerFigures | undefined): Row[] {
  const devices = `${fleet.size} devices`;
  const runs = (Object.keys(RUNS) as Run[]).map((run) =>
    row(`${devices}: ${RUNS[run]}`, "s", fleet[run].seconds, peer?.[run].seconds, goalOf(fleet.size, run)),
  );
  const kilobytes = (figures: PeerFigures) => figures.stateBytes / figures.size / 1000;
  return [
    ...runs,
    row(`${devices}: state a device`, "kB", kilobytes(fleet), peer && kilobytes(peer), [8, "at most 8 kB"]),
    row(`${devices}: API requests of the first up`, "", fleet.up.requests, peer?.up.requests),
    row(`${devices}: API requests of a refresh`, "", fleet.refresh.requests, peer?.refresh.requests),
    row(`${devices}: load manifests`, "s", fleet.load, undefined, [1, "under 1 s"]),
    ...memoryRows(fleet, peer),
    ...cpuRows(fleet, peer),
  ];
}

/** Goals between sizes, and against the peer. */
export function goals(all: readonly FleetFigures[]): Row[] {
  const of = (size: number) => all.find((fleet) => fleet.size === size);
  const [small, large] = [of(1_000), of(10_000)];
  if (!small || !large) return [];
  const ratio = large.up.seconds / small.up.seconds;
  return [
    {
      name: "first up of 10000 devices beside that of 1000",
      value: large.up.seconds,
      unit: "s",
      peer: "1000 devices",
      peerValue: small.up.seconds,
      ratio,
      goal: "at most 12 times",
      met: ratio <= 12,
    },
  ];
}

type Goal = [limit: number, words: string] | [limit: number, words: string, ratio: number];

function goalOf(size: number, run: Run): Goal | undefined {
  if (size !== 1_000) return undefined;
  if (run === "up") return [60, "at most 60 s and 1.25 times", 1.25];
  return run === "preview" ? [12, "at most 12 s"] : undefined;
}

function row(name: string, unit: Row["unit"], value: number, peerValue?: number, goal?: Goal): Row {
  const ratio = peerValue === undefined ? null : value / peerValue;
  const [limit = Number.POSITIVE_INFINITY, words = null, most = Number.POSITIVE_INFINITY] = goal ?? [];
  return {
    name,
    value,
    unit,
    peer: peerValue === undefined ? null : PEER,
    peerValue: peerValue ?? null,
    ratio,
    goal: words,
    met: words === null ? null : value <= limit && (ratio ?? 0) <= most,
  };
}

/** 10^9 bytes in MiB. */
const GIGABYTE = 1e9 / 2 ** 20;

function memoryRows(fleet: FleetFigures, peer: PeerFigures | undefined): Row[] {
  const roles = ["pulumi", "program", "devices' provider", "kubernetes plugin"];
  return roles.map((role) =>
    row(
      `${fleet.size} devices: peak memory of ${role}, first up`,
      "MiB",
      fleet.up.processes[role]?.peakMiB ?? 0,
      peer?.up.processes[role]?.peakMiB,
      role === "program" && fleet.size === 10_000 ? [GIGABYTE, "at most 1 GB"] : undefined,
    ),
  );
}

/** Where the time of the first up goes. */
function cpuRows(fleet: FleetFigures, peer: PeerFigures | undefined): Row[] {
  return Object.entries(fleet.up.processes)
    .sort(([, a], [, b]) => b.cpuSeconds - a.cpuSeconds)
    .filter(([, use]) => use.cpuSeconds >= 0.05 * fleet.up.seconds)
    .map(([role, use]) =>
      row(
        `${fleet.size} devices: CPU time of ${role}, first up`,
        "s",
        use.cpuSeconds,
        peer?.up.processes[role]?.cpuSeconds,
      ),
    );
}
