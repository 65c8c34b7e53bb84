// What a cluster's telemetry is made of: the sensors of its classes, InfluxDB's users, names of objects. Pure.
import { deriveText } from "../derivation.ts";
import type { DeviceClassSpec, DevicesClusterSpec } from "../schema.ts";
import { VisibleError } from "../visible-error.ts";

export type TelemetrySpec = NonNullable<DevicesClusterSpec["telemetry"]>;
export type TelemetryProgram = "telegraf" | "grafana";

/** A sensor of one or more classes: all its devices publish numbers at `<their topic>/<name>`. */
export interface PlannedSensor {
  name: string;
  unit?: string;
  /** Names of the classes that have it, and the driver in each. */
  classes: { name: string; driver: string }[];
}

export type Privilege = "READ" | "WRITE";
/** Neither can do the other's: a stolen dashboard falsifies nothing, a stolen collector tells nothing. */
export const PRIVILEGES: Record<TelemetryProgram, Privilege> = { telegraf: "WRITE", grafana: "READ" };

/** 43 characters of 62: 256 bits. */
const PASSWORD_LENGTH = 43;

/** A namespace has no "_", so users of two fleets never share a name. */
export function influxUsername(namespace: string, program: TelemetryProgram): string {
  return `${namespace}_${program}`;
}

/** @param rootKey base64 */
export function influxPassword(
  rootKey: string,
  namespace: string,
  program: TelemetryProgram,
  generation: number,
): string {
  return deriveText(rootKey, "influxdb-password", [namespace, program, String(generation)], PASSWORD_LENGTH);
}

/** ConfigMaps with the programs' files. */
export function telegrafConfigMapName(cluster: string): string {
  return `${cluster}-telegraf`;
}
export function datasourceConfigMapName(cluster: string): string {
  return `${cluster}-datasource`;
}
export function dashboardConfigMapName(cluster: string): string {
  return `${cluster}-dashboard`;
}

/**
 * Each sensor once, sorted by name.
 *
 * @throws VisibleError for a sensor that two classes measure in different units: one axis cannot show both
 */
export function plannedSensors(
  classes: readonly (readonly [name: string, spec: Pick<DeviceClassSpec, "sensors">])[],
): PlannedSensor[] {
  const sensors = new Map<string, PlannedSensor>();
  const problems: string[] = [];
  for (const [className, spec] of classes) {
    for (const { name, driver, unit } of spec.sensors) {
      const known = sensors.get(name) ?? { name, ...(unit !== undefined && { unit }), classes: [] };
      if (known.unit !== unit) {
        problems.push(
          `The sensor "${name}" has ${inUnit(unit)} in DeviceClass "${className}" and ${inUnit(known.unit)} in "${known.classes[0]!.name}".`,
        );
      }
      known.classes.push({ name: className, driver });
      sensors.set(name, known);
    }
  }
  if (problems.length > 0) {
    throw new VisibleError(problems.join("\n"), {
      hint: "A dashboard shows sensors of one name together: give them one unit, or two names.",
    });
  }
  return [...sensors.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function inUnit(unit: string | undefined): string {
  return unit === undefined ? "no unit" : `the unit "${unit}"`;
}
