// Everybody whom a fleet's broker knows, with password and rights. Pure.
import type { Adopted } from "../model/adopted.ts";
import { formerPlace } from "../model/former-names.ts";
import {
  applicationRights,
  type BrokerUser,
  brokerUsername,
  deviceRights,
  readerRights,
  usernameProblem,
} from "../model/mqtt-access.ts";
import {
  deviceCredential,
  deviceUsername,
  unusedPassword,
  userCredential,
} from "../model/mqtt-credentials.ts";
import type { MqttAuth } from "../model/schema-mqtt.ts";
import { VisibleError } from "../model/visible-error.ts";

/** A device as the state keeps it and previews show it; what is usual is left out. */
export interface MemberDevice {
  class: string;
  groups?: string[];
  /** Default 1. */
  generation?: number;
  /** The oldest generation that is taken beside it. */
  oldest?: number;
  /** Its oldest name as `namespace/name`, where that isn't its present one. */
  original?: string;
}

/** A reader or an application. */
export interface MemberUser {
  /** Of its password; default 1. */
  generation?: number;
}

export interface BrokerMembers {
  /** What devices prove with who they are; default a password. */
  auth?: MqttAuth;
  namespace: string;
  topicRoot: string;
  devices: Record<string, MemberDevice>;
  /** What the devices of each class may do. */
  classes: Record<string, { commands: boolean; broadcasts: boolean }>;
  readers: Record<string, MemberUser>;
  applications: Record<string, MemberUser>;
}

export interface BrokerUserWithPassword extends BrokerUser {
  /** Let in by certificate only: no password is to be taken. Where there has to be one, `password` is nobody's. */
  certificateOnly?: true;
  /** Derived when it is asked for: for thousands that takes a moment, which the caller can spread. */
  password(): string;
}

/** Where passwords come from; secret. */
export interface PasswordSource {
  /** Base64. */
  rootKey: string;
  adopted: Adopted;
}

/** @throws VisibleError for a username that no line of a file can hold, or that two would share */
export function brokerUsers(members: BrokerMembers, source: PasswordSource): BrokerUserWithPassword[] {
  const users = new Map<string, BrokerUserWithPassword & { of: string }>();
  const add = (of: string, user: BrokerUserWithPassword) => {
    const { username } = user;
    const problem = usernameProblem(username);
    if (problem) throw new VisibleError(`${of}: its MQTT username cannot be used: it ${problem}.`);
    const other = users.get(username);
    if (other?.of === of) return;
    if (other) throw new VisibleError(`${of} and ${other.of} have one MQTT username, "${username}".`);
    users.set(username, { of, ...user });
  };
  for (const [name, device] of Object.entries(members.devices)) {
    for (const user of ofDevice(name, device, members, source)) add(`Device ${name}`, user);
  }
  for (const kind of ["reader", "application"] as const) {
    const rights = kind === "reader" ? readerRights(members.topicRoot) : applicationRights(members.topicRoot);
    for (const [name, { generation }] of Object.entries(members[`${kind}s`])) {
      const place = { namespace: members.namespace, name };
      const password = () => userCredential(kind, place, source.rootKey, generation).password;
      const username = brokerUsername(kind, name);
      add(`${kind} ${name}`, { username, clientId: username, rights, password });
    }
  }
  return [...users.values()].map(({ of: _, ...user }) => user);
}

/** The present credential first: where an adopted one has the same username in both generations, it counts. */
function ofDevice(
  name: string,
  device: MemberDevice,
  members: BrokerMembers,
  source: PasswordSource,
): BrokerUserWithPassword[] {
  const { namespace, topicRoot, classes } = members;
  const original = device.original ? formerPlace(device.original, namespace) : { namespace, name };
  const allowed = classes[device.class] ?? { commands: false, broadcasts: false };
  const rights = deviceRights(topicRoot, {
    original: original.name,
    className: device.class,
    groups: device.groups ?? [],
    ...allowed,
  });
  const newest = device.generation ?? 1;
  const count = newest - (device.oldest ?? newest) + 1;
  return Array.from({ length: count }, (_, index) => {
    const generation = newest - index;
    const identity = { original, namespace, generation };
    return {
      username: deviceUsername(identity, source.adopted),
      clientId: original.name,
      rights,
      ...(members.auth === "certificate"
        ? { certificateOnly: true as const, password: () => unusedPassword(identity, source.rootKey) }
        : { password: () => deviceCredential(identity, source.rootKey, source.adopted).password }),
    };
  });
}
