// A fleet's telemetry: the users of InfluxDB as one dynamic resource, the files of Telegraf and Grafana as ConfigMaps.

import * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic-providers/dynamic-resource.ts";
import type { TelemetryInputs, TelemetryUser } from "../dynamic-providers/telemetry-provider.ts";
import { objectLabels } from "../model/names.ts";
import { dashboardJson, datasourceYaml } from "../model/telemetry/grafana.ts";
import { telegrafFiles } from "../model/telemetry/telegraf-config.ts";
import {
  dashboardConfigMapName,
  datasourceConfigMapName,
  influxPassword,
  influxUsername,
  PRIVILEGES,
  plannedSensors,
  type TelemetryProgram,
  type TelemetrySpec,
  telegrafConfigMapName,
} from "../model/telemetry/telemetry-plan.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import * as kubernetes from "./kubernetes.ts";
import { ownedMetadata, ownership } from "./ownership.ts";
import { requireSecrets } from "./secret-values.ts";

/** `pulumi-nodejs:dynamic/edgeflock:Telemetry`. */
export class TelemetryResource extends DynamicResource {
  constructor(name: string, inputs: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super("telemetry", "Telemetry", name, inputs, opts);
  }
}

/** Of the file of Grafana's own chart that loads dashboards and data sources from labelled ConfigMaps. */
const SIDECAR_LABELS = { dashboard: "grafana_dashboard", datasource: "grafana_datasource" } as const;
const ADMIN_SECRET = "telemetry.influxdb.admin";

/**
 * Nothing where the cluster declares no telemetry. Call it when all classes are registered.
 *
 * @throws VisibleError for sensors that don't fit one dashboard, and for an administrator without a password
 */
export function declareTelemetry(name: string, parent: pulumi.Resource, cluster: DevicesCluster): void {
  const { telemetry, mqtt } = cluster.spec;
  if (!telemetry) return;
  const { clusterName, namespaceName } = cluster;
  const sensors = plannedSensors(
    cluster.registry.classes.map(([className, { spec }]) => [className, spec] as const),
  );
  new TelemetryResource(name, telemetryInputs(parent, cluster, telemetry), { parent });
  const declare = new ConfigMaps(parent, cluster);
  if (telemetry.telegraf) {
    const files = telegrafFiles(namespaceName, mqtt, telemetry, sensors);
    declare.configMap(telegrafConfigMapName(clusterName), files);
  }
  if (telemetry.grafana) {
    const datasource = datasourceYaml(clusterName, namespaceName, telemetry);
    declare.configMap(
      datasourceConfigMapName(clusterName),
      { [`${clusterName}.yaml`]: datasource },
      { [SIDECAR_LABELS.datasource]: "1" },
    );
    const dashboard = dashboardJson(clusterName, namespaceName, sensors);
    declare.configMap(
      dashboardConfigMapName(clusterName),
      { [`${clusterName}.json`]: dashboard },
      { [SIDECAR_LABELS.dashboard]: "1" },
    );
  }
}

class ConfigMaps {
  readonly #parent: pulumi.Resource;
  readonly #cluster: DevicesCluster;

  constructor(parent: pulumi.Resource, cluster: DevicesCluster) {
    this.#parent = parent;
    this.#cluster = cluster;
  }

  configMap(name: string, data: Record<string, string>, labels: Record<string, string> = {}): void {
    const { place, namespaceName, clusterName, connection } = this.#cluster;
    const object = {
      apiVersion: "v1",
      kind: "ConfigMap",
      name,
      namespace: place,
      labels: { ...objectLabels({ cluster: clusterName }), ...labels },
    };
    const metadata = ownedMetadata(object, ownership(this.#parent, [], undefined), connection.api);
    const opts = { parent: this.#parent, provider: connection.provider };
    new kubernetes.ConfigMap(`${namespaceName}/${name}`, { metadata, data }, opts);
  }
}

function telemetryInputs(
  parent: pulumi.Resource,
  cluster: DevicesCluster,
  telemetry: TelemetrySpec,
): pulumi.Inputs & Record<keyof Omit<TelemetryInputs, "kubernetes" | "ca">, unknown> {
  const { influxdb } = telemetry;
  const { target, explicit, clusterUid } = cluster.connection;
  const namespace = cluster.namespaceName;
  const programs = (["telegraf", "grafana"] as const).filter((program) => telemetry[program]);
  const { username, password } = influxdb.admin;
  requireSecrets({ [ADMIN_SECRET]: password }, "DevicesCluster", cluster.clusterName);
  const admin = cluster
    .secretOf(["DevicesCluster", cluster.clusterName, ADMIN_SECRET], password)
    .apply((secret) => JSON.stringify({ username, password: secret }));
  const passwords = cluster.rootKey.apply((rootKey) =>
    JSON.stringify(
      Object.fromEntries(
        programs.map((program) => {
          const { generation } = telemetry[program]!;
          const derived = influxPassword(rootKey, namespace, program, generation);
          return [influxUsername(namespace, program), derived];
        }),
      ),
    ),
  );
  return {
    cluster: cluster.clusterName,
    namespace: cluster.namespace,
    owner: ownership(parent, [], undefined).owner,
    clusterUid,
    ...(explicit && { kubernetes: target }),
    database: influxdb.database,
    url: influxdb.url,
    adminUrl: influxdb.adminUrl ?? influxdb.url,
    ...(influxdb.ca !== undefined && { ca: influxdb.ca }),
    users: Object.fromEntries(programs.map((program) => userOf(namespace, program, telemetry))),
    admin: pulumi.secret(admin),
    passwords: pulumi.secret(passwords),
  };
}

function userOf(
  namespace: string,
  program: TelemetryProgram,
  telemetry: TelemetrySpec,
): [username: string, user: TelemetryUser] {
  const { secret, generation } = telemetry[program]!;
  const user = {
    privilege: PRIVILEGES[program],
    generation,
    secret: { namespace: secret.namespace ?? namespace, name: secret.name, keys: secret.keys },
  };
  return [influxUsername(namespace, program), user];
}
