// A user's part of Mosquitto's ACL file. Pure. https://mosquitto.org/man/mosquitto-conf-5.html, acl_file
import type { BrokerUser } from "../../model/mqtt-access.ts";

/** Begins with the user's name, so that parts can stand in any order; ends with a line feed. */
export function aclLines({ username, rights }: Pick<BrokerUser, "username" | "rights">): string {
  return [`user ${username}`, ...rights.map(({ access, topic }) => `topic ${access} ${topic}`), ""].join(
    "\n",
  );
}
