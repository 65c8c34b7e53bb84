// A user's rights as ACLs of a role of Mosquitto's dynamic security plugin. Pure.
// https://mosquitto.org/documentation/dynamic-security/
import type { TopicRight } from "../../model/mqtt-access.ts";

export interface DynsecAcl {
  acltype:
    | "publishClientSend"
    | "publishClientReceive"
    | "subscribeLiteral"
    | "subscribePattern"
    | "unsubscribeLiteral"
    | "unsubscribePattern";
  topic: string;
  /** The highest that matches a topic decides. */
  priority: number;
  allow: boolean;
}

/** What is not allowed is denied, whatever the broker's own default access is. Below every right. */
const DENIED: readonly DynsecAcl[] = [
  ...["#", "$SYS/#", "$CONTROL/#", "$share/#"].flatMap((topic) => [
    deny("publishClientSend", topic),
    deny("publishClientReceive", topic),
    deny("subscribePattern", topic),
  ]),
];

/** Unlike with an ACL file, a subscription that reaches further than the rights is refused whole. */
export function dynsecAcls(rights: readonly TopicRight[]): DynsecAcl[] {
  const allowed = rights.flatMap(({ access, topic }) => [
    ...(access === "read" ? [] : [allow("publishClientSend", topic)]),
    ...(access === "write"
      ? []
      : [
          allow("publishClientReceive", topic),
          allow("subscribePattern", topic),
          allow("unsubscribePattern", topic),
        ]),
  ]);
  return [...allowed, ...DENIED];
}

function allow(acltype: DynsecAcl["acltype"], topic: string): DynsecAcl {
  return { acltype, topic, priority: 0, allow: true };
}

function deny(acltype: DynsecAcl["acltype"], topic: string): DynsecAcl {
  return { acltype, topic, priority: -1, allow: false };
}
