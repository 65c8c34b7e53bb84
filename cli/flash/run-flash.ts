// What `edgeflock flash` does: opens the source, runs the station, shows it, makes labels.
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { createLogUpdate } from "log-update";
import { resultsOf } from "../../flash/bundle/bundle-source.ts";
import type { FlashSource } from "../../flash/station/flash-source.ts";
import { renderLabel, scannedDevice } from "../../flash/station/labels/label.ts";
import type { ResultEntry } from "../../flash/station/result-log.ts";
import { type PortRow, runStation, type StationSummary } from "../../flash/station/station.ts";
import { changeLine, renderTable } from "../../flash/station/table.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { withFolderLock } from "../../toolchain/folder-lock.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import { esptoolCommand } from "../../toolchain/python.ts";
import type { FlashCommandOptions } from "../commands/flash.ts";
import { interruptible } from "../interruptible.ts";
import { openBundleSource, openClusterSource } from "./open-source.ts";

/** Exit code when a board failed: what the flash script gives for one that could not be written. */
const SOME_FAILED = 10;
const REDRAW_EVERY = 250;

export async function runFlashCommand(
  className: string,
  devices: string[],
  options: FlashCommandOptions,
): Promise<void> {
  const summary = await interruptible((signal) => flash(className, devices, options, signal));
  if (summary.failed > 0) process.exitCode = SOME_FAILED;
}

async function flash(
  className: string,
  devices: string[],
  options: FlashCommandOptions,
  signal: AbortSignal,
): Promise<StationSummary> {
  const esptool = await esptoolCommand({ progress: stderrProgress(), signal });
  const { bundle } = options;
  if (bundle === undefined)
    return work(await openClusterSource(className, options), devices, options, esptool, signal);
  const log = resultsOf(resolve(bundle));
  // two stations with one log would not see which devices the other gives out
  return withFolderLock(
    log,
    { what: `flashing from ${bundle}`, progress: stderrProgress(), signal },
    async () =>
      work(
        await openBundleSource(className, { ...options, bundle }),
        devices,
        { ...options, log },
        esptool,
        signal,
      ),
  );
}

async function work(
  source: FlashSource,
  devices: string[],
  options: FlashCommandOptions,
  esptool: string[],
  signal: AbortSignal,
): Promise<StationSummary> {
  await tellWhoHasBoards(source, devices);
  const view = startView();
  const scans = options.scan ? readScans() : undefined;
  try {
    const summary = await runStation({
      source,
      esptool,
      ...(options.port && { ports: options.port }),
      ...(devices.length > 0 && { devices }),
      ...(scans && { scans: scans.names }),
      ...(options.count !== undefined && { count: options.count }),
      baud: options.baud,
      erase: options.erase ?? false,
      again: options.again ?? false,
      logPath: resolve(options.log),
      signal,
      onChange: view.show,
      onResult: async (entry) => {
        if (options.json) console.log(JSON.stringify(entry));
        await makeLabel(entry, options);
      },
    });
    view.end();
    if (!options.json) console.log(describe(summary, options));
    return summary;
  } finally {
    view.end();
    scans?.close();
  }
}

/** Devices that were asked for by name and have their board already are not given out again. */
async function tellWhoHasBoards(source: FlashSource, devices: string[]): Promise<void> {
  if (devices.length === 0) return;
  for (const { device, holder } of await source.boards()) {
    if (holder && devices.includes(device))
      console.error(`${device} is the board ${holder} already; only that one is flashed as it.`);
  }
}

function startView(): { show: (rows: readonly PortRow[]) => void; end: () => void } {
  let rows: readonly PortRow[] = [];
  if (!process.stderr.isTTY) {
    const show = (now: readonly PortRow[]) => {
      for (const row of now) {
        const line = changeLine(
          rows.find(({ port }) => port === row.port),
          row,
        );
        if (line) console.error(line);
      }
      rows = now;
    };
    return { show, end() {} };
  }
  const update = createLogUpdate(process.stderr);
  const draw = () => update(renderTable(rows, Date.now(), process.stderr.columns));
  const timer = setInterval(draw, REDRAW_EVERY);
  let ended = false;
  return {
    show(now) {
      rows = now;
    },
    end() {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      draw();
      update.done();
    },
  };
}

/** A scanner is a keyboard: what it reads comes as a line. */
function readScans(): { names: AsyncIterable<string>; close: () => void } {
  const lines = createInterface({ input: process.stdin });
  async function* names(): AsyncIterable<string> {
    for await (const line of lines) {
      if (line.trim() === "") continue;
      try {
        yield scannedDevice(line);
      } catch (error) {
        if (!(error instanceof VisibleError)) throw error;
        console.error(`${error.message} ${error.hint ?? ""}`);
      }
    }
  }
  return { names: names(), close: () => lines.close() };
}

async function makeLabel(entry: ResultEntry, options: FlashCommandOptions): Promise<void> {
  if (!options.labels || entry.outcome !== "flashed" || !entry.device || !entry.mac) return;
  await mkdir(options.labels, { recursive: true });
  const label = { device: entry.device, class: entry.class, mac: entry.mac };
  await writeFile(
    join(options.labels, `${entry.device}.${options.labelFormat}`),
    await renderLabel(label, options.labelFormat),
  );
}

function describe(summary: StationSummary, options: FlashCommandOptions): string {
  const parts = [
    `${summary.flashed} flashed`,
    ...(summary.unchanged > 0 ? [`${summary.unchanged} had everything already`] : []),
    ...(summary.failed > 0 ? [`${summary.failed} failed`] : []),
  ];
  const left = summary.nothingLeft ? " Every device has its board." : "";
  return `${parts.join(", ")}.${left} The log is ${options.log}.`;
}
