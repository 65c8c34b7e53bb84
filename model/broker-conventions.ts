// What of a fleet does not go with the way its broker does things, for a preview to say (docs/brokers.md). Pure.
import type { BrokerKind } from "./mqtt-broker.ts";

export interface BrokerUse {
  broker: { kind: BrokerKind };
  readers: readonly { name: string }[];
  applications: readonly { name: string }[];
}

/** One text for each; none where all goes together. */
export function conventionWarnings({ broker, readers, applications }: BrokerUse): string[] {
  const listeners = [...readers, ...applications].map(({ name }) => name);
  if (broker.kind !== "rabbitmq" || listeners.length === 0) return [];
  return [
    `RabbitMQ sends no retained message to a subscription with wildcards: ${listeners.join(", ")} will not learn by one ` +
      "what the devices said before (such as <topic>/$state and <topic>/$edgeflock), only by naming each topic. " +
      "Homie, Tasmota and Home Assistant's discovery need another broker.",
  ];
}
