// What clients leave at a RabbitMQ beside their connection: queues that hold what waits for them, and bindings by which
// more comes. RabbitMQ asks for the right to a subscription when it is made, and never again. Talks to its API.
import { MQTT_EXCHANGE, mayRead, queueOwner } from "../../builders/rabbitmq/permissions.ts";
import type { TopicRight } from "../../model/mqtt-access.ts";
import { BrokerError } from "./broker-error.ts";
import type { HttpApi } from "./http-api.ts";

/** https://www.rabbitmq.com/docs/management#http-api */
interface Binding {
  destination: string;
  destination_type: string;
  routing_key: string;
  properties_key: string;
}

/**
 * Takes away what these clients must not have any longer: all of whom nobody is left for, of the others what they were
 * subscribed to and may no longer read. What waits for them stays.
 *
 * @param clients client ids, as users are bound to them
 * @param rights of each client that stays
 * @throws BrokerError
 */
export async function endSubscriptions(
  api: HttpApi,
  vhost: string,
  clients: ReadonlySet<string>,
  rights: ReadonlyMap<string, readonly TopicRight[]>,
): Promise<void> {
  const place = encodeURIComponent(vhost);
  const queues = await inVhost(vhost, () => api.get<{ name: string }[]>(`/api/queues/${place}?columns=name`));
  const theirs = queues.map(({ name }) => name).filter((name) => clients.has(queueOwner(name) ?? ""));
  const left = theirs.filter((name) => !rights.has(queueOwner(name)!));
  for (const name of left) {
    await api.json("DELETE", `/api/queues/${place}/${encodeURIComponent(name)}`, undefined, [404]);
  }
  const kept = new Set(theirs.filter((name) => rights.has(queueOwner(name)!)));
  if (kept.size === 0) return;
  const source = `/api/exchanges/${place}/${MQTT_EXCHANGE}/bindings/source`;
  for (const binding of await api.get<Binding[]>(source)) {
    const { destination, destination_type, routing_key, properties_key } = binding;
    if (destination_type !== "queue" || !kept.has(destination)) continue;
    if (mayRead(rights.get(queueOwner(destination)!)!, routing_key)) continue;
    const [queue, key] = [destination, properties_key].map(encodeURIComponent);
    const path = `/api/bindings/${place}/e/${MQTT_EXCHANGE}/q/${queue}/${key}`;
    await api.json("DELETE", path, undefined, [404]);
  }
}

/** To manage users takes a tag, to see queues a permission in their virtual host. */
async function inVhost<T>(vhost: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof BrokerError) || !error.refused) throw error;
    throw new BrokerError(
      `The broker's administrator has no permissions in its virtual host "${vhost}", which it takes to end what clients are subscribed to; give it them: rabbitmqctl set_permissions -p "${vhost}" ADMINISTRATOR ".*" ".*" ".*"`,
    );
  }
}
