// One fleet for the access matrices of all brokers: its manifests, who tries what, and on which topics.
import { applicationRights, deviceRights, readerRights } from "../../model/mqtt-access.ts";
import type { Principal } from "./broker-matrix.ts";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import type { DeviceChange } from "./rotation.ts";

export interface Login {
  username: string;
  password: string;
}

/** Of the test alone, who sees and may do everything. */
export const OBSERVER: Login = { username: "observer", password: "of the test alone" };

/**
 * Own and other devices' topics, commands, broadcasts, what is none of the fleet's, and the broker's own. The last comes
 * last: some brokers end the connection of whoever publishes there.
 */
export const TOPICS = [
  "site/a/state",
  "site/a/command/led",
  "site/b/state",
  "site/b/command/led",
  "site/m/state",
  "site/m/command/led",
  "site/_all/time",
  "site/_class/node/mode",
  "site/_class/mute/mode",
  "site/_group/north/mode",
  "site/_group/south/mode",
  "elsewhere/a/state",
  "site",
  "$SYS/edgeflock/tried",
];

/** An application with keys of its own choosing, and a reader with the usual ones. */
const USERS = {
  readers: [{ name: "recorder", secret: { name: "recorder-mqtt" } }],
  applications: [
    {
      name: "home",
      secret: {
        name: "home-credentials",
        keys: { url: "BROKER_URL", username: "BROKER_USER", password: "BROKER_PASS", topic: "TOPIC_ROOT" },
      },
    },
  ],
};

export function brokerManifests(namespace: string, mqtt: object, devices: object[]) {
  return [
    cluster(namespace, { mqtt: { topicRoot: "site", ...USERS, ...mqtt } }),
    deviceClass("node"),
    deviceClass("mute", { mqtt: { commands: false, broadcasts: false } }),
    group("north", "north"),
    group("south", "south"),
    ...devices,
  ];
}

export function brokerDevices(g: object = {}) {
  return [
    device("a", "north"),
    device("b", "south"),
    device("c", "north"),
    device("m", "south", {}, "mute"),
    device("g", "north", g),
  ];
}

/** Like these, with one of them changed, or without it. */
export function changed(
  devices: ReturnType<typeof brokerDevices>,
  name: string,
  change: DeviceChange | undefined,
): object[] {
  return devices.flatMap((each) => {
    if (each.metadata.name !== name) return [each];
    if (!change) return [];
    const { labels } = each.metadata;
    const metadata = { name, labels: { ...labels, ...(change.hall && { hall: change.hall }) } };
    return [{ ...each, metadata, spec: { ...each.spec, ...change.spec } }];
  });
}

/**
 * Everybody who tries, with the rights that the model gives.
 *
 * @param known logins by the devices' names, of which c was revoked
 */
export function principals(known: Record<string, Login>, recorder: Login, home: Login): Principal[] {
  const ofDevice = (original: string, hall: string, className = "node", talks = true) =>
    deviceRights("site", { original, className, groups: [hall], commands: talks, broadcasts: talks });
  const [a, b] = [known.a!, known.b!];
  return [
    { name: "device a", login: a, clientId: "a", rights: ofDevice("a", "north") },
    { name: "device b", login: b, clientId: "b", rights: ofDevice("b", "south") },
    {
      name: "mute device m",
      login: known.m!,
      clientId: "m",
      rights: ofDevice("m", "south", "mute", false),
    },
    { name: "reader", login: recorder, clientId: recorder.username, rights: readerRights("site") },
    { name: "application", login: home, clientId: home.username, rights: applicationRights("site") },
    { name: "revoked device c", login: known.c!, clientId: "c", rights: [] },
    { name: "device a with b's password", login: { ...a, password: b.password }, clientId: "a", rights: [] },
    { name: "anonymous", login: {}, rights: [] },
  ];
}
