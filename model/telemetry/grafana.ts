// Grafana's data source and dashboard as code. Holds no secret: names of environment variables. Pure; touches nothing.
import { createHash } from "node:crypto";
import type { Dashboard, Panel } from "@grafana/schema";
import { stringify } from "yaml";
import type { PlannedSensor, TelemetrySpec } from "./telemetry-plan.ts";

/** Of data source and dashboard, which refers to it; Grafana takes 40 characters. */
export function grafanaUid(namespace: string): string {
  return `edgeflock-${createHash("sha256").update(namespace).digest("hex").slice(0, 12)}`;
}

/**
 * A file for `provisioning/datasources/`. Grafana puts the environment's variables in itself.
 * https://grafana.com/docs/grafana/latest/administration/provisioning/#data-sources
 */
export function datasourceYaml(
  cluster: string,
  namespace: string,
  { influxdb, grafana }: TelemetrySpec,
): string {
  const { keys } = grafana!.secret;
  const datasource = {
    name: `Edgeflock ${cluster}`,
    uid: grafanaUid(namespace),
    type: "influxdb",
    access: "proxy",
    url: `$${keys.url}`,
    user: `$${keys.username}`,
    jsonData: {
      version: "InfluxQL",
      dbName: influxdb.database,
      httpMode: "POST",
      ...(influxdb.ca !== undefined && { tlsAuthWithCACert: true }),
    },
    secureJsonData: {
      password: `$${keys.password}`,
      ...(influxdb.ca !== undefined && { tlsCACert: influxdb.ca }),
    },
    editable: false,
  };
  return stringify({ apiVersion: 1, datasources: [datasource] });
}

/** What Grafana calls a unit; any other is shown as it is. https://github.com/grafana/grafana, value_formats/categories */
const UNITS: Record<string, string> = {
  "°C": "celsius",
  "°F": "fahrenheit",
  K: "kelvin",
  "%": "percent",
  "%RH": "humidity",
  hPa: "pressurehpa",
  Pa: "pressurepa",
  lx: "lux",
  ppm: "ppm",
  V: "volt",
  mV: "mvolt",
  A: "amp",
  mA: "mamp",
  W: "watt",
  dBm: "dBm",
  s: "s",
  ms: "ms",
};

const COLUMNS = 24;
const WIDTH = 12;
const HEIGHT = 8;

/** One panel a sensor, a line a device. */
export function dashboardJson(cluster: string, namespace: string, sensors: readonly PlannedSensor[]): string {
  const datasource = { type: "influxdb", uid: grafanaUid(namespace) };
  const dashboard = {
    uid: grafanaUid(namespace),
    title: `Edgeflock ${cluster}`,
    description: "Written by Edgeflock from the sensors of the cluster's classes.",
    tags: ["edgeflock", cluster],
    schemaVersion: 39,
    editable: false,
    refresh: "1m",
    time: { from: "now-24h", to: "now" },
    timezone: "browser",
    templating: {
      list: [
        {
          name: "device",
          label: "Device",
          type: "query",
          datasource,
          query: 'SHOW TAG VALUES WITH KEY = "device"',
          refresh: 2,
          sort: 1,
          multi: true,
          includeAll: true,
          allValue: ".*",
          current: { text: "All", value: "$__all" },
        },
      ],
    },
    panels: sensors.map((sensor, index) => panel(sensor, index, datasource)),
  } satisfies Dashboard;
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function panel(
  sensor: PlannedSensor,
  index: number,
  datasource: { type: string; uid: string },
): Panel<Record<string, unknown>, Record<string, unknown>> {
  const { name, unit, classes } = sensor;
  return {
    id: index + 1,
    type: "timeseries",
    title: name,
    description: classes.map((of) => `${of.name}: ${of.driver}`).join(", "),
    datasource,
    gridPos: {
      x: (index * WIDTH) % COLUMNS,
      y: Math.floor((index * WIDTH) / COLUMNS) * HEIGHT,
      w: WIDTH,
      h: HEIGHT,
    },
    fieldConfig: {
      defaults: {
        ...(unit !== undefined && { unit: Object.hasOwn(UNITS, unit) ? UNITS[unit]! : `suffix:${unit}` }),
        custom: { showPoints: "auto", spanNulls: false },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: "table", placement: "right", showLegend: true, calcs: ["lastNotNull"] },
      tooltip: { mode: "multi", sort: "desc" },
    },
    targets: [
      {
        refId: "A",
        datasource,
        rawQuery: true,
        query: `SELECT mean("value") FROM "${name}" WHERE "device" =~ /^\${device:regex}$/ AND $timeFilter GROUP BY time($__interval), "device" fill(null)`,
        alias: "$tag_device",
        resultFormat: "time_series",
      },
    ],
  };
}
