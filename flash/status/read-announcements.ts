// What a fleet's devices announce at its broker. Connects as a reader of the fleet, by a Secret that was made for one;
// with TLS and the broker's certificate verified, unless the fleet itself speaks plain MQTT. Publishes nothing.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { IClientOptions, MqttClient } from "mqtt";
import { type Announcement, announcementTopic, readAnnouncement } from "../../model/announcement.ts";
import { VisibleError } from "../../model/visible-error.ts";

export interface BrokerAccess {
  /** `mqtts://host:port`, as the fleet wrote it into the reader's Secret; `mqtt://` where the fleet has no TLS. */
  url: string;
  username: string;
  password: string;
  /** Certificates in PEM form that the broker's is verified with. @default this computer's own */
  ca?: string | undefined;
}

export interface AnnouncingDevice {
  device: string;
  topic: string;
  /** What it may call itself: its name and former ones. */
  names: readonly string[];
}

export interface ReadOptions {
  signal?: AbortSignal;
  /** Milliseconds without a message after which the broker has sent all that it has. */
  quiet?: number;
  /** Milliseconds for the whole. */
  limit?: number;
}

/** Topics in one SUBSCRIBE packet: brokers limit its size. */
const TOPICS_AT_ONCE = 200;
const CONNECT_MS = 10_000;

/**
 * Each topic is subscribed to by name: RabbitMQ sends nothing retained to a wildcard.
 *
 * @returns by device; one that announced nothing is missing
 * @throws VisibleError where the broker cannot be reached or lets the reader not in
 */
export async function readAnnouncements(
  access: BrokerAccess,
  devices: readonly AnnouncingDevice[],
  { signal, quiet = 500, limit = 30_000 }: ReadOptions = {},
): Promise<Map<string, Announcement>> {
  const byTopic = new Map(devices.map((device) => [announcementTopic(device.topic), device]));
  const found = new Map<string, Announcement>();
  const client = await connect(access);
  try {
    let lastAt = performance.now();
    const deadline = lastAt + limit;
    client.on("message", (topic, payload) => {
      lastAt = performance.now();
      const device = byTopic.get(topic);
      const said = device && readAnnouncement(payload, device.names);
      if (device && said) found.set(device.device, said);
    });
    const topics = [...byTopic.keys()];
    for (let start = 0; start < topics.length; start += TOPICS_AT_ONCE) {
      signal?.throwIfAborted();
      await client.subscribeAsync(topics.slice(start, start + TOPICS_AT_ONCE), { qos: 0 });
      lastAt = performance.now();
    }
    while (found.size < byTopic.size && performance.now() < Math.min(deadline, lastAt + quiet)) {
      await sleep(20, undefined, signal ? { signal } : {});
    }
    return found;
  } catch (error) {
    signal?.throwIfAborted();
    throw refused(access, error);
  } finally {
    await client.endAsync(true).catch(() => {});
  }
}

async function connect({ url, username, password, ca }: BrokerAccess): Promise<MqttClient> {
  const { connectAsync } = await import("mqtt");
  const options: IClientOptions = {
    username,
    password,
    // RabbitMQ lets a user have sessions only whose ids begin with its name.
    clientId: `${username}.${randomUUID()}`,
    ...(ca !== undefined && { ca }),
    rejectUnauthorized: true,
    connectTimeout: CONNECT_MS,
    reconnectPeriod: 0,
    clean: true,
  };
  return connectAsync(brokerUrl(url), options, false).catch((error) => {
    throw refused({ url }, error);
  });
}

/** A username or a path in it would go past the Secret's own. */
function brokerUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !["mqtt:", "mqtts:"].includes(url.protocol) || url.username || url.password || url.search) {
    throw new VisibleError("The reader's Secret holds no address of a broker.", {
      hint: 'It has the form "mqtts://host:port".',
    });
  }
  return `${url.protocol}//${url.host}`;
}

function refused({ url }: Pick<BrokerAccess, "url">, error: unknown): unknown {
  if (error instanceof VisibleError) return error;
  const { message, code } = error as Error & { code?: unknown };
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO/.test(String(code));
  const login = /not authori|bad user name|identifier rejected/i.test(message);
  const why = message.replaceAll(/\s+/g, " ").slice(0, 200);
  return new VisibleError(`The broker at ${new URL(url).host} cannot be asked: ${why || String(code)}.`, {
    hint: certificate
      ? "Give the certificate that its own is signed with by --ca FILE."
      : login
        ? 'Is that the Secret of a reader of this fleet? After "pulumi up" the broker must read its files anew.'
        : "Check this computer's network or VPN; without --reader the broker is not asked.",
    cause: error,
  });
}
