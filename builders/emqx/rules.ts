// A user's rights as rules of EMQX's built-in database, in their order. Pure.
// https://docs.emqx.com/en/emqx/latest/access-control/authz/mnesia.html
import type { TopicRight } from "../../model/mqtt-access.ts";

export interface EmqxRule {
  topic: string;
  permission: "allow" | "deny";
  action: "publish" | "subscribe" | "all";
}

const ACTIONS = { read: "subscribe", write: "publish", readwrite: "all" } as const;

/** The first rule that matches decides; the last ones deny, whatever `authorization.no_match` says. */
export function emqxRules(rights: readonly TopicRight[]): EmqxRule[] {
  const allowed = rights.map(
    ({ access, topic }): EmqxRule => ({ topic, permission: "allow", action: ACTIONS[access] }),
  );
  const denied = ["#", "$SYS/#"].map((topic): EmqxRule => ({ topic, permission: "deny", action: "all" }));
  return [...allowed, ...denied];
}
