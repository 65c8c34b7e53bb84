// What a benchmark tells: one line of its table. Pure.

export interface Row {
  name: string;
  /** What Edgeflock takes: a median. */
  value: number;
  /** Empty for a count. */
  unit: "s" | "ms" | "µs" | "MiB" | "kB" | "";
  /** What it is compared with, measured in the same run on the same machine; null if with nothing. */
  peer: string | null;
  peerValue: number | null;
  /** `value / peerValue`: below 1 is better than the peer. */
  ratio: number | null;
  /** What was aimed at, in words; null if nothing was. */
  goal: string | null;
  met: boolean | null;
}

/** Median of some measurements. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A Markdown table of the rows, which also reads well on a terminal. */
export function rowsTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    amount(row.value, row.unit),
    row.peerValue === null ? "" : `${amount(row.peerValue, row.unit)} (${row.peer})`,
    row.ratio === null
      ? ""
      : row.ratio < 1
        ? `${figure(1 / row.ratio)} times less`
        : `${figure(row.ratio)} times more`,
    row.goal === null ? "" : `${row.goal}: ${row.met ? "met" : "missed"}`,
  ]);
  const all = [["", "Edgeflock", "beside", "ratio", "goal"], ...cells];
  const widths = all[0]!.map((_, column) => Math.max(3, ...all.map((line) => line[column]!.length)));
  const line = (texts: readonly string[]) =>
    `| ${texts.map((text, at) => text.padEnd(widths[at]!)).join(" | ")} |\n`;
  return line(all[0]!) + line(widths.map((width) => "-".repeat(width))) + cells.map(line).join("");
}

function amount(value: number, unit: string): string {
  return `${figure(value)} ${unit}`.trimEnd();
}

/** Three digits that count. */
function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
