// The station's live table: one row a port, with a bar. Pure.
import { stripVTControlCharacters } from "node:util";
import colors from "picocolors";
import type { PortRow } from "./station.ts";

const BAR = 20;

/** One text of as many lines as there are ports; nothing in it is wider than `columns`. */
export function renderTable(rows: readonly PortRow[], now: number, columns: number = 100): string {
  if (rows.length === 0) return "Plug in a board.";
  const width = Math.max(...rows.map(({ port }) => port.length));
  const devices = Math.max(6, ...rows.map(({ device }) => device?.length ?? 0));
  return rows
    .map((row) => {
      const head = `${row.port.padEnd(width)}  ${(row.mac ?? "").padEnd(17)}  ${(row.device ?? "").padEnd(devices)}  `;
      return head + coloured(row, stateText(row, now).slice(0, Math.max(20, columns - head.length - 1)));
    })
    .join("\n");
}

function stateText(row: PortRow, now: number): string {
  const { state, progress, message } = row;
  if (state === "writing" && progress !== undefined) {
    const full = Math.round(progress * BAR);
    return `${"█".repeat(full)}${"░".repeat(BAR - full)} ${String(Math.round(progress * 100)).padStart(3)} %`;
  }
  const seconds = Math.round((now - row.since) / 1000);
  if (state === "asking" || state === "waiting for a scan") return `${state} (${seconds} s)`;
  if (state === "failed") return `failed: ${stripVTControlCharacters(message ?? "").replaceAll(/\s+/g, " ")}`;
  return state;
}

function coloured(row: PortRow, text: string): string {
  if (row.state === "failed") return colors.red(text);
  return row.state === "done" || row.state === "had it already" ? colors.green(text) : text;
}

/** A line for where there is no terminal; undefined for changes that are not worth one. */
export function changeLine(before: PortRow | undefined, row: PortRow): string | undefined {
  const tenth = (of: PortRow | undefined) => Math.floor((of?.progress ?? 0) * 4);
  if (before?.state === row.state && tenth(before) === tenth(row)) return undefined;
  const progress = row.progress === undefined ? "" : ` ${Math.round(row.progress * 100)} %`;
  const what = [row.device, row.mac].filter(Boolean).join(" ");
  return `${row.port}: ${row.state}${progress}${what ? ` (${what})` : ""}${row.message ? `: ${row.message}` : ""}`;
}
