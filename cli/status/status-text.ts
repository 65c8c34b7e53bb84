// The status of a fleet as a table, with a line for each board that would be locked out. Pure.
import type { createColors } from "picocolors";
import type { DeviceStatus } from "../../flash/status/device-status.ts";
import type { FleetStatus } from "./run-status.ts";

type Style = ReturnType<typeof createColors>;

interface TextOptions {
  /** Whether only boards that need flashing are in it. */
  stale: boolean;
  style: Style;
}

export function statusText({ namespace, manifests, devices }: FleetStatus, options: TextOptions): string {
  const { style, stale } = options;
  if (devices.length === 0) return `${namespace}: ${stale ? "no board needs flashing." : "no devices."}`;
  const asked = devices.some(({ announced }) => announced !== undefined);
  const head = ["DEVICE", "CLASS", "BOARD", "STATE", "FLASHED", ...(asked ? ["ANNOUNCES"] : [])];
  const rows = devices.map((status) => cells(status, asked));
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] as string).length)),
  );
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] as number)))
      .join("  ")
      .trimEnd();
  return [
    `${namespace}:`,
    style.dim(line(head)),
    ...rows.map((row, index) => colour(devices[index] as DeviceStatus, style)(line(row))),
    ...devices.flatMap(({ device, lockedOut }) =>
      lockedOut === null
        ? []
        : [
            style.yellow(
              `${device} would be locked out by the next "pulumi up": ${lockedOut}. Flash it first.`,
            ),
          ],
    ),
    summary(devices, manifests),
  ].join("\n");
}

function cells(
  { device, class: className, flashed, announced, ...status }: DeviceStatus,
  asked: boolean,
): string[] {
  return [
    device,
    className ?? "",
    flashed?.mac ?? "",
    stateText(status),
    flashed?.at ? [versionText(flashed.firmware, flashed.generation), flashed.at].join(" ") : "",
    ...(asked ? [announced ? versionText(announced.firmware, announced.gen) : "nothing"] : []),
  ];
}

function stateText({ state, needs, movedTo }: Pick<DeviceStatus, "state" | "needs" | "movedTo">): string {
  if (state === "moved") return `its board is ${movedTo} now`;
  return state === "stale" ? `needs ${needs.join(" and ")}` : state;
}

function versionText(firmware: string | null, generation: number | null): string {
  return `${firmware ?? "?"} (gen ${generation ?? "?"})`;
}

function colour({ state, lockedOut }: DeviceStatus, style: Style): (text: string) => string {
  if (lockedOut !== null || state === "removed" || state === "moved") return style.yellow;
  if (state === "stale" || state === "unfinished") return style.cyan;
  return state === "current" ? style.green : (text) => text;
}

function summary(devices: readonly DeviceStatus[], manifests: boolean): string {
  const count = (test: (status: DeviceStatus) => boolean) => devices.filter(test).length;
  const parts = [
    `${devices.length} ${devices.length === 1 ? "device" : "devices"}`,
    ...counted(
      count(({ state }) => state === "current"),
      "current",
    ),
    ...counted(
      count(({ state }) => state === "stale" || state === "unfinished"),
      "to flash",
    ),
    ...counted(
      count(({ state }) => state === "no board" || state === "moved"),
      "without a board",
    ),
    ...counted(
      count(({ lockedOut }) => lockedOut !== null),
      'would be locked out by the next "pulumi up"',
    ),
  ];
  const hint = manifests ? "" : ' (Without what the stack declares nothing is said of the next "pulumi up".)';
  return `${parts.join(", ")}.${hint}`;
}

function counted(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}
