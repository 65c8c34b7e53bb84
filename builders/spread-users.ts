// Spreads the broker's users over Secrets, as one holds at most 1 MiB. Pure.
import { createHash } from "node:crypto";
import { compareText } from "../model/problem.ts";

/** Bytes in a shard; in base64 that is a third more, and stays below a Secret's 1 MiB. */
const MAX_BYTES = 640 * 1024;

/**
 * A user's shard follows from its name and the number of shards, a power of two: a user more or less changes one
 * shard, but for the rare times that their number doubles. In a shard users stand by name.
 *
 * @param size of what a user adds to its shard, in bytes
 */
export function spreadUsers<T extends { username: string }>(
  users: readonly T[],
  size: (user: T) => number,
): T[][] {
  const sorted = [...users].sort((a, b) => compareText(a.username, b.username));
  for (let count = 1; ; count *= 2) {
    const shards = Array.from({ length: count }, () => ({ members: [] as T[], bytes: 0 }));
    for (const user of sorted) {
      const shard = shards[shardOf(user.username, count)]!;
      shard.members.push(user);
      shard.bytes += size(user);
    }
    // A single user is far smaller than a shard, so this ends.
    if (shards.every(({ bytes }) => bytes <= MAX_BYTES)) return shards.map(({ members }) => members);
  }
}

function shardOf(username: string, count: number): number {
  return createHash("sha256").update(username).digest().readUInt32BE(0) % count;
}
