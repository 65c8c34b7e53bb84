// edgeflock_build.h: what a class decides about the one firmware, as a header of macros. Pure.
import { suggest } from "../../model/suggest.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { SensorRequest } from "../contract.ts";

/** The file's name, which the sources include. */
export const BUILD_HEADER = "edgeflock_build.h";

/** The sensor drivers that the firmware has, and the boards that have what they need; absent: all boards. */
export const SENSOR_DRIVERS: Readonly<Record<string, readonly string[] | undefined>> = {
  adc: undefined,
  bme280: undefined,
  dht22: undefined,
  ds18b20: undefined,
  gnss: ["sim7600"],
  simulated: undefined,
  system: undefined,
};

export interface BuildHeader {
  /** A folder of firmware/boards. */
  board: string;
  chip: string;
  version: string;
  configLabel: string;
  sensors: readonly SensorRequest[];
}

/** @throws VisibleError that names every sensor whose driver is unknown or needs another board */
export function buildHeader(build: BuildHeader): string {
  const problems = build.sensors.flatMap((sensor) => driverProblem(sensor, build.board) ?? []);
  if (problems.length > 0) throw new VisibleError(problems.join("\n"));
  const texts = {
    EDGEFLOCK_BOARD: build.board,
    EDGEFLOCK_CHIP: build.chip,
    EDGEFLOCK_VERSION: build.version,
    EDGEFLOCK_CONFIG_LABEL: build.configLabel,
  };
  const sensors = build.sensors.map(
    ({ name, driver, unit = "" }) => ` X(${cString(name)}, ${driver}, ${cString(unit)})`,
  );
  return [
    "// Made by the builder.",
    "#pragma once",
    ...Object.entries(texts).map(([name, value]) => `#define ${name} ${cString(value)}`),
    `#define EDGEFLOCK_SENSORS(X)${sensors.join("")}`,
    "",
  ].join("\n");
}

/** What is wrong with a sensor on a board; undefined where nothing is. */
export function driverProblem({ name, driver }: SensorRequest, board: string): string | undefined {
  if (!Object.hasOwn(SENSOR_DRIVERS, driver)) {
    const known = Object.keys(SENSOR_DRIVERS);
    const meant = suggest(driver, known);
    return `sensor "${name}": there is no driver "${driver}"${meant ? `; did you mean "${meant}"?` : ""} (drivers are ${known.join(", ")})`;
  }
  const boards = SENSOR_DRIVERS[driver];
  if (boards && !boards.includes(board)) {
    return `sensor "${name}": driver "${driver}" needs the board ${boards.join(" or ")}, not ${board}`;
  }
  return undefined;
}

/** All but plain ASCII as octal, which ends after three digits whatever follows. */
export function cString(text: string): string {
  const bytes = [...new TextEncoder().encode(text)].map((byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c || byte === 0x3f
      ? `\\${byte.toString(8).padStart(3, "0")}`
      : String.fromCharCode(byte),
  );
  return `"${bytes.join("")}"`;
}
