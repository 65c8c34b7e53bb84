// What a run of chaos comes to, for people. Pure.
import type { Part } from "./processes.ts";

export interface Kill {
  target: string;
  /** Which processes of the update died. */
  parts: Part[];
  afterMs: number;
  changes: string[];
  recoveredInMs: number;
}

export interface Report {
  seed: number;
  checkpoints: string;
  kills: Kill[];
  /** What did not hold; empty where all did. */
  problems: string[];
  /** Credentials that were looked after. */
  credentials: number;
  /** Updates that had ended before they were killed; not counted. */
  tooLate: number;
  seconds: number;
}

export function renderReport(report: Report): string {
  const { seed, checkpoints, kills, problems, credentials, tooLate, seconds } = report;
  const times = kills.map((kill) => kill.recoveredInMs / 1000).sort((a, b) => a - b);
  const at = (part: number) =>
    times[Math.min(times.length - 1, Math.floor(part * times.length))]?.toFixed(1) ?? "-";
  const verdict =
    problems.length === 0
      ? "All held: converged, nothing more to do, no credential changed, no orphan, no stale lock, no file with a secret."
      : `${problems.length} did not hold:\n${problems.map((problem) => `  ${problem}`).join("\n")}`;
  return [
    `${kills.length} kills with seed ${seed}, state saved at ${checkpoints === "end" ? "the end" : "each step"}, in ${Math.round(seconds)} s (${tooLate} came too late and do not count)`,
    `  killed       ${counts(kills.map(({ target }) => target))}`,
    `  processes    ${counts(kills.flatMap(({ parts }) => parts)) || "none"}`,
    `  while        ${counts(kills.flatMap(({ changes }) => changes))}`,
    `  moment       ${counts(kills.map(({ afterMs }) => `${Math.floor(afterMs / 1000)}-${Math.floor(afterMs / 1000) + 1} s`))}`,
    `  up again in  median ${at(0.5)} s, 90 % ${at(0.9)} s, at most ${at(1)} s`,
    `  credentials  ${credentials} seen, each looked at after every kill`,
    verdict,
  ].join("\n");
}

function counts(names: readonly string[]): string {
  const found = new Map<string, number>();
  for (const name of names) found.set(name, (found.get(name) ?? 0) + 1);
  return [...found]
    .sort(([a, m], [b, n]) => n - m || a.localeCompare(b))
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}
