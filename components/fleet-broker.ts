// The broker's users as one dynamic resource: its state says who they are, and holds none of their lines.
import * as pulumi from "@pulumi/pulumi";
import { DEFAULT_VHOST } from "../builders/rabbitmq/definitions.ts";
import type { BrokerInputs, UserSecret } from "../dynamic-providers/broker-provider.ts";
import type { MemberDevice, PasswordSource } from "../dynamic-providers/broker-users.ts";
import { DynamicResource } from "../dynamic-providers/dynamic-resource.ts";
import type { Administrator, LiveTarget } from "../dynamic-providers/live-broker/index.ts";
import { isAdoptedCredential } from "../model/adopted.ts";
import type { CredentialRecord } from "../model/credential-ledger.ts";
import { brokerUrl, liveKind, managementUrl, mechanismOf } from "../model/mqtt-broker.ts";
import { USER_SECRET_KEYS } from "../model/schema-mqtt.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { Eventually } from "./eventually.ts";
import type { RegisteredDevice } from "./fleet-registry.ts";
import { ownership } from "./ownership.ts";

/** `pulumi-nodejs:dynamic/edgeflock:Broker`. */
export class BrokerResource extends DynamicResource {
  /** Secrets with the keys `passwordfile` and `aclfile`, whose parts put together are Mosquitto's files. */
  declare readonly secretNames: pulumi.Output<string[]>;

  constructor(name: string, inputs: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super("broker", "Broker", name, { ...inputs, secretNames: undefined }, opts);
  }
}

/**
 * Undefined where the broker's users are made by somebody else. Call it when all devices are registered.
 *
 * @param ledger what the fleet remembers of its credentials: a revoked one must be remembered before anything else
 */
export function declareBroker(
  name: string,
  parent: pulumi.Resource,
  cluster: DevicesCluster,
  ledger: pulumi.Resource,
): BrokerResource | undefined {
  const { mqtt } = cluster.spec;
  const mechanism = mechanismOf(mqtt.broker);
  if (mechanism === undefined) return undefined;
  const { target, explicit, clusterUid } = cluster.connection;
  const { classes, devices } = cluster.registry;
  const namespace = cluster.namespaceName;
  const vhost = mqtt.broker.vhost ?? DEFAULT_VHOST;
  const optional = ["kubernetes", "definitions", "operator", "live", "admin", "auth"] as const;
  const inputs: pulumi.Inputs & Record<keyof Omit<BrokerInputs, (typeof optional)[number]>, unknown> = {
    cluster: cluster.clusterName,
    namespace: cluster.namespace,
    owner: ownership(parent, [], undefined).owner,
    clusterUid,
    ...(explicit && { kubernetes: target }),
    ...(mqtt.auth !== "password" && { auth: mqtt.auth }),
    topicRoot: mqtt.topicRoot,
    url: brokerUrl(mqtt.broker),
    classes: Object.fromEntries(classes.map(([className, { spec }]) => [className, spec.mqtt])),
    devices: members(devices, namespace),
    readers: secretsOf(mqtt.readers, namespace),
    applications: secretsOf(mqtt.applications, namespace),
    passwords: passwordSource(cluster),
    ...(mechanism === "definitions" && { definitions: { vhost } }),
    ...(mechanism === "operator" && { operator: { vhost, rabbitmq: mqtt.broker.cluster ?? {} } }),
    ...liveInputs(cluster),
  };
  return new BrokerResource(name, inputs, { parent, dependsOn: [ledger] });
}

/** Nothing for a broker whose users go into Secrets. */
function liveInputs(cluster: DevicesCluster): { live?: LiveTarget; admin?: pulumi.Output<string> } {
  const { broker, ca } = cluster.spec.mqtt;
  const kind = liveKind(broker);
  if (!kind || !broker.admin) return {};
  const trusted = broker.management?.ca ?? ca;
  const live: LiveTarget = {
    kind,
    url: managementUrl(kind, broker, brokerUrl(broker)),
    ...(trusted !== undefined && { ca: trusted }),
    ...(broker.vhost !== undefined && { vhost: broker.vhost }),
  };
  const { username, password } = broker.admin;
  const known = (source: typeof username, key: string) =>
    typeof source === "string"
      ? pulumi.output(source)
      : cluster.secretOf(["DevicesCluster", cluster.clusterName, `mqtt.broker.admin.${key}`], source);
  const admin = pulumi
    .all([known(username, "username"), known(password, "password")])
    .apply(([name, word]) => JSON.stringify({ username: name, password: word } satisfies Administrator));
  return { live, admin: pulumi.secret(admin) };
}

function members(
  devices: RegisteredDevice[],
  namespace: string,
): pulumi.Output<Record<string, MemberDevice>> {
  return Eventually.list(devices.map(({ credentials }) => credentials)).apply(async (records) =>
    Object.fromEntries(
      devices.map((device, index) => [device.name, member(device, records[index]!, namespace)]),
    ),
  );
}

function member(device: RegisteredDevice, credentials: CredentialRecord, namespace: string): MemberDevice {
  const { name, original, className, groups } = device;
  const { generation, oldest } = credentials;
  const sameName = original.name === name && original.namespace === namespace;
  return {
    class: className,
    ...(groups.length > 0 && { groups: [...groups].sort() }),
    ...(generation > 1 && { generation }),
    ...(oldest < generation && { oldest }),
    ...(!sameName && { original: `${original.namespace}/${original.name}` }),
  };
}

type Users = DevicesCluster["spec"]["mqtt"]["readers"];

function secretsOf(users: Users, namespace: string): Record<string, UserSecret> {
  const entries = users.map(({ name, secret, generation }) => {
    const keys = Object.entries(secret.keys ?? USER_SECRET_KEYS).filter(([, key]) => key !== undefined);
    const place = { namespace: secret.namespace ?? namespace, name: secret.name };
    const own = { ...place, keys: Object.fromEntries(keys), ...(generation > 1 && { generation }) };
    return [name, own] as const;
  });
  return Object.fromEntries(entries);
}

/** The root key rather than the passwords: those would be a second copy of each in the state. */
function passwordSource(cluster: DevicesCluster): pulumi.Output<string> {
  const text = pulumi.all([cluster.rootKey, cluster.adopted]).apply(([rootKey, adopted]) => {
    const credentials = Object.entries(adopted).filter(([key]) => isAdoptedCredential(key));
    const source: PasswordSource = { rootKey, adopted: Object.fromEntries(credentials.sort()) };
    return JSON.stringify(source);
  });
  return pulumi.secret(text);
}
