// Who may do what at the broker: topics, users and their rights (docs/brokers.md). Pure; touches nothing.
// The level after the root is a device's name, a DNS label; our own levels begin with "_", which no such label does.
import { deviceTopic } from "./names.ts";

/** Below these levels of the topic root devices are spoken to together. */
export const ALL_LEVEL = "_all";
export const CLASS_LEVEL = "_class";
export const GROUP_LEVEL = "_group";
/** Below this level of its own topic a device is given commands. */
export const COMMAND_LEVEL = "command";

export interface TopicRight {
  access: "read" | "write" | "readwrite";
  /** A topic filter of MQTT. */
  topic: string;
}

export interface BrokerUser {
  username: string;
  rights: TopicRight[];
  /** What its client ids are, or begin with, where a broker binds a session to its owner by them. */
  clientId: string;
}

export interface DeviceRights {
  /** Its oldest name. */
  original: string;
  className: string;
  groups: readonly string[];
  /** As its class allows. */
  commands: boolean;
  broadcasts: boolean;
}

/** A device speaks and is spoken to below its own topic; it reads broadcasts. */
export function deviceRights(topicRoot: string, device: DeviceRights): TopicRight[] {
  const own: TopicRight = {
    access: device.commands ? "readwrite" : "write",
    topic: `${deviceTopic(topicRoot, device.original)}/#`,
  };
  if (!device.broadcasts) return [own];
  const broadcasts = [
    `${topicRoot}/${ALL_LEVEL}/#`,
    `${topicRoot}/${CLASS_LEVEL}/${device.className}/#`,
    ...[...device.groups].sort().map((group) => `${topicRoot}/${GROUP_LEVEL}/${group}/#`),
  ];
  return [own, ...broadcasts.map((topic): TopicRight => ({ access: "read", topic }))];
}

/** What a device subscribes to: its own commands and the broadcasts, as its class allows. The topics of its rights. */
export function deviceSubscriptions(topicRoot: string, device: DeviceRights): string[] {
  const broadcasts = deviceRights(topicRoot, device).slice(1);
  const commands = `${deviceTopic(topicRoot, device.original)}/${COMMAND_LEVEL}/#`;
  return [...(device.commands ? [commands] : []), ...broadcasts.map(({ topic }) => topic)];
}

export function readerRights(topicRoot: string): TopicRight[] {
  return [{ access: "read", topic: `${topicRoot}/#` }];
}

/** It cannot speak for a device: of a device's topic it writes only the commands. */
export function applicationRights(topicRoot: string): TopicRight[] {
  const writes = [`+/${COMMAND_LEVEL}/#`, `${ALL_LEVEL}/#`, `${CLASS_LEVEL}/#`, `${GROUP_LEVEL}/#`].map(
    (rest): TopicRight => ({ access: "write", topic: `${topicRoot}/${rest}` }),
  );
  return [...readerRights(topicRoot), ...writes];
}

/** Users that are no device. The "_" keeps them apart from every device's username. */
export function brokerUsername(kind: "reader" | "application", name: string): string {
  return `${kind}_${name}`;
}

/** Letters that are safe in a line of Mosquitto's files; an adopted username may have been anything. */
const USERNAME = /^[A-Za-z0-9._@-]{1,200}$/;

export function usernameProblem(username: string): string | undefined {
  return USERNAME.test(username) ? undefined : 'is made of letters, digits, ".", "_", "@" and "-"';
}

/** Secret with part `index` of the broker's users, from 0. */
export function brokerSecretName(cluster: string, index: number): string {
  return `${cluster}-broker-${index + 1}`;
}

/** Label of those Secrets; its value is the cluster's name. */
export const BROKER_LABEL = "edgeflock.io/broker";
/** Label of the Secrets that were made for a reader or an application; its value is their username. */
export const BROKER_USER_LABEL = "edgeflock.io/broker-user";
