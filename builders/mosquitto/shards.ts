// Spreads the broker's users over Secrets, as one holds at most 1 MiB. Pure.
import { createHash } from "node:crypto";
import { compareText } from "../../model/problem.ts";

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

/** Bytes in a shard; in base64 that is a third more, and both together stay below a Secret's 1 MiB. */
const MAX_BYTES = 640 * 1024;

/**
 * A user's shard follows from its name and the number of shards, a power of two: a user more or less changes one
 * shard, but for the rare times that their number doubles. Equal users, in whatever order, give equal shards.
 */
export function shardUsers(users: readonly UserLines[]): Shard[] {
  const sorted = [...users].sort((a, b) => compareText(a.username, b.username));
  for (let count = 1; ; count *= 2) {
    const shards = Array.from({ length: count }, (): Shard => ({ passwordfile: "", aclfile: "" }));
    for (const { username, password, acl } of sorted) {
      const shard = shards[shardOf(username, count)]!;
      shard.passwordfile += password;
      shard.aclfile += acl;
    }
    // A single user is far smaller than a shard, so this ends.
    if (shards.every(({ passwordfile, aclfile }) => passwordfile.length + aclfile.length <= MAX_BYTES)) {
      return shards;
    }
  }
}

function shardOf(username: string, count: number): number {
  return createHash("sha256").update(username).digest().readUInt32BE(0) % count;
}
