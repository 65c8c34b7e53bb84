// Mosquitto's two files in parts, each with some of the users. Pure.
import { spreadUsers } from "../spread-users.ts";

/** What one user adds to both files. */
export interface UserLines {
  username: string;
  password: string;
  acl: string;
}

/** One Secret's worth, under the names that the files have in mosquitto.conf. */
export interface Shard {
  passwordfile: string;
  aclfile: string;
}

/** Equal users, in whatever order, give equal shards. */
export function shardUsers(users: readonly UserLines[]): Shard[] {
  const size = ({ password, acl }: UserLines) => password.length + acl.length;
  return spreadUsers(users, size).map((members) => ({
    passwordfile: members.map(({ password }) => password).join(""),
    aclfile: members.map(({ acl }) => acl).join(""),
  }));
}
