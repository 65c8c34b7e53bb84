import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { permissions } from "../../builders/rabbitmq/permissions.ts";
import { brokerUsername } from "../../model/mqtt-access.ts";
import type { DevicesClusterSpec } from "../../model/schema.ts";
import { dashboardJson, datasourceYaml } from "../../model/telemetry/grafana.ts";
import { telegrafFiles } from "../../model/telemetry/telegraf-config.ts";
import { plannedSensors } from "../../model/telemetry/telemetry-plan.ts";
import { CLASS, device, load, problemsOf, stack } from "./manifests.ts";

const cluster = (telemetry: string, mqtt = "", kind = "mosquitto") => `apiVersion: edgeflock.io/v1alpha1
kind: DevicesCluster
metadata: { name: greenhouse }
spec:
  namespace: greenhouse
  mqtt: { broker: { kind: ${kind}, host: mqtt.example }, topicRoot: site/greenhouse${mqtt} }
  telemetry: ${telemetry}
`;
const READERS = ", readers: [{ name: collector, secret: { name: collector-mqtt } }]";
const influx = (more = "url: 'https://influx.example:8086'") =>
  `influxdb: { database: fleet, admin: { username: admin, password: { fromConfig: influxAdmin } }, ${more} }`;
const TELEGRAF = "telegraf: { reader: collector, secret: { name: collector-influx } }";
const GRAFANA = "grafana: { secret: { name: grafana-influx, namespace: monitoring } }";
const text = (telemetry: string, mqtt = READERS, kind?: string) =>
  stack(cluster(telemetry, mqtt, kind), CLASS, device("a"));
const problems = (...args: Parameters<typeof text>) =>
  problemsOf(text(...args)).map((line) => line.replace(/^f\.yaml:\d+:\d+ /, ""));

function specOf(telemetry = `{ ${influx()}, ${TELEGRAF}, ${GRAFANA} }`, mqtt?: string): DevicesClusterSpec {
  return load(text(telemetry, mqtt)).clusters[0]!.manifest.spec;
}
const SENSORS = plannedSensors([
  ["node", { sensors: [{ name: "temperature", driver: "ds18b20", unit: "°C" }] }],
  [
    "weather",
    {
      sensors: [
        { name: "wind", driver: "vane", unit: "m/s" },
        { name: "temperature", driver: "bme280", unit: "°C" },
      ],
    },
  ],
]);

describe("telemetry in a manifest", () => {
  it("is taken with a Telegraf that is one of the broker's readers, and a Grafana", () => {
    expect(problems(`{ ${influx()}, ${TELEGRAF}, ${GRAFANA} }`)).toEqual([]);
  });

  it("has a reader that is there", () => {
    expect(problems(`{ ${influx()}, ${TELEGRAF} }`, "")).toEqual([
      'spec.telemetry.telegraf.reader: mqtt.readers has no "collector"',
    ]);
    const without = "telegraf: { secret: { name: collector-influx } }";
    expect(problems(`{ ${influx()}, ${without} }`)).toEqual([
      "spec.telemetry.telegraf: needs `reader`, the one of mqtt.readers that it connects as",
    ]);
    expect(problems(`{ ${influx()}, ${without} }`, "", "external")).toEqual([]);
  });

  it("gives each its own Secret", () => {
    const both = "grafana: { secret: { name: collector-influx } }";
    expect(problems(`{ ${influx()}, ${TELEGRAF}, ${both} }`)).toEqual([
      "spec.telemetry.grafana.secret.name: is the Secret of telegraf; it needs one of its own",
    ]);
    const readers =
      "telegraf: { reader: collector, secret: { name: collector-mqtt, namespace: greenhouse } }";
    expect(problems(`{ ${influx()}, ${readers} }`)).toEqual([
      'spec.telemetry.telegraf.secret.name: is the Secret of mqtt.readers "collector"; it needs one of its own',
    ]);
  });

  it("sends no password in the clear unless that is asked for, and none in the URL", () => {
    expect(problems(`{ ${influx("url: 'http://influx.example:8086'")}, ${GRAFANA} }`)).toEqual([
      "spec.telemetry.influxdb.url: would send passwords in the clear; use https, or ask for it with allowHttp: true",
    ]);
    expect(problems(`{ ${influx("url: 'http://influx:8086', allowHttp: true")}, ${GRAFANA} }`)).toEqual([]);
    for (const url of ["https://admin:secret@influx.example", 'https://a.example/"', "influx:8086"]) {
      expect(problems(`{ ${influx(`url: '${url}'`)}, ${GRAFANA} }`)).toEqual([
        "spec.telemetry.influxdb.url: must be a URL such as https://influxdb.example:8086, without credentials",
      ]);
    }
  });

  it("takes no made-up password for an administrator who is there already, and no literal one", () => {
    const admin = (password: string) =>
      `{ influxdb: { url: 'https://i.example', database: d, admin: { username: a, password: ${password} } }, ${GRAFANA} }`;
    expect(problems(admin("{ random: { length: 20 } }"))).toEqual([
      "spec.telemetry.influxdb.admin.password.random: unknown field",
    ]);
    expect(problems(admin("hunter2"))[0]).toMatch(
      /^spec\.telemetry\.influxdb\.admin\.password: a secret is never/,
    );
  });

  it("has keys that are names of variables, as the configuration refers to them", () => {
    const secret = "grafana: { secret: { name: g, keys: { password: influx.password } } }";
    expect(problems(`{ ${influx()}, ${secret} }`)[0]).toMatch(
      /password: must be the name of an environment variable/,
    );
  });
});

describe("the plan", () => {
  it("has each sensor once, with the classes that have it", () => {
    expect(SENSORS).toEqual([
      {
        name: "temperature",
        unit: "°C",
        classes: [
          { name: "node", driver: "ds18b20" },
          { name: "weather", driver: "bme280" },
        ],
      },
      { name: "wind", unit: "m/s", classes: [{ name: "weather", driver: "vane" }] },
    ]);
  });

  it("refuses one name in two units, and says all of them at once", () => {
    const sensors = (unit?: string) => [{ name: "t", driver: "d", ...(unit && { unit }) }];
    expect(() =>
      plannedSensors([
        ["a", { sensors: sensors("°C") }],
        ["b", { sensors: sensors("°F") }],
        ["c", { sensors: sensors() }],
      ]),
    ).toThrow(
      'The sensor "t" has the unit "°F" in DeviceClass "b" and the unit "°C" in "a".\nThe sensor "t" has no unit in DeviceClass "c" and the unit "°C" in "a".',
    );
  });
});

describe("the files", () => {
  const { mqtt, telemetry } = specOf();

  it("name variables for every credential", () => {
    const config = telegrafFiles("greenhouse", mqtt, telemetry!, SENSORS)["telegraf.conf"]!;
    const credentials = [...config.matchAll(/^ {2}(?:username|password|urls|database) = (.*)$/gm)].map(
      ([, value]) => value,
    );
    expect(credentials).toEqual([
      `"\${MQTT_USERNAME}"`,
      `"\${MQTT_PASSWORD}"`,
      `["\${INFLUXDB_URL}"]`,
      `"\${INFLUXDB_DATABASE}"`,
      `"\${INFLUXDB_USERNAME}"`,
      `"\${INFLUXDB_PASSWORD}"`,
    ]);
  });

  it("name the keys that the Secrets have where they are mapped", () => {
    const readers =
      ", readers: [{ name: collector, secret: { name: m, keys: { username: WHO, password: WORD } } }]";
    const mapped = specOf(
      `{ ${influx()}, telegraf: { reader: collector, secret: { name: i, keys: { password: INFLUX_WORD } } } }`,
      readers,
    );
    const config = telegrafFiles("greenhouse", mapped.mqtt, mapped.telemetry!, SENSORS)["telegraf.conf"]!;
    for (const name of ["WHO", "WORD", "INFLUX_WORD", "INFLUXDB_USERNAME"]) {
      expect(config).toContain(`"\${${name}}"`);
    }
  });

  it("make a session of its own for other topics, as a kept session keeps its own", () => {
    const client = (sensors: typeof SENSORS) =>
      /client_id = (.*)/.exec(telegrafFiles("greenhouse", mqtt, telemetry!, sensors)["telegraf.conf"]!)![1];
    expect(client(SENSORS)).toBe(client([...SENSORS]));
    expect(client(SENSORS)).not.toBe(client(SENSORS.slice(1)));
  });

  it("make a session that RabbitMQ lets the reader have", () => {
    const config = telegrafFiles("greenhouse", mqtt, telemetry!, SENSORS)["telegraf.conf"]!;
    const id = JSON.parse(/client_id = (.*)/.exec(config)![1]!) as string;
    const { configure } = permissions({ clientId: brokerUsername("reader", "collector") });
    expect(`mqtt-subscription-${id}qos1`).toMatch(new RegExp(configure.replaceAll("\\z", "$")));
  });

  it("ask for nothing where no class has a sensor", () => {
    expect(telegrafFiles("greenhouse", mqtt, telemetry!, [])["telegraf.conf"]).not.toContain("mqtt_consumer");
    expect(JSON.parse(dashboardJson("greenhouse", "greenhouse", [])).panels).toEqual([]);
  });

  it("are a data source whose uid the dashboard's panels and variable use", () => {
    const { datasources } = parse(datasourceYaml("greenhouse", "greenhouse", telemetry!));
    expect(datasources).toHaveLength(1);
    const dashboard = JSON.parse(dashboardJson("greenhouse", "greenhouse", SENSORS));
    const used = [...dashboard.panels, ...dashboard.templating.list].map(({ datasource }) => datasource.uid);
    expect(new Set(used)).toEqual(new Set([datasources[0].uid]));
    expect(datasources[0].secureJsonData.password).toBe("$INFLUXDB_PASSWORD");
  });

  it("have a panel for each sensor, in its unit, on a grid without overlaps", () => {
    const many = Array.from({ length: 7 }, (_, index) => ({ name: `s${index}`, classes: [] }));
    const { panels } = JSON.parse(dashboardJson("greenhouse", "greenhouse", [...SENSORS, ...many]));
    expect(panels.slice(0, 2).map((panel: { title: string }) => panel.title)).toEqual([
      "temperature",
      "wind",
    ]);
    const units = panels.map((panel: { fieldConfig: { defaults: object } }) => panel.fieldConfig.defaults);
    expect(units[0]).toMatchObject({ unit: "celsius" });
    expect(units[1]).toMatchObject({ unit: "suffix:m/s" });
    const cells = new Set<string>();
    for (const { gridPos, id } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      cells.add(`${gridPos.x},${gridPos.y}`);
      expect(id).toBeGreaterThan(0);
    }
    expect(cells.size).toBe(panels.length);
  });
});
