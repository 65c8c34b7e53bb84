// What the three brokers that are talked to have in common, and what is sent to one: what differs, and of ours only.
import { createHash } from "node:crypto";
import type { LiveKind } from "../../model/mqtt-broker.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { BrokerUserWithPassword } from "../broker-users.ts";

/** Where a broker's API is. */
export interface LiveTarget {
  kind: LiveKind;
  url: string;
  /** PEM; without it the system's certificates count. */
  ca?: string;
  /** RabbitMQ's. */
  vhost?: string;
}

export interface Administrator {
  username: string;
  password: string;
}

/** What users are made with besides their own. */
export interface Origin {
  /** Of the stack's resource: what bears it is ours. */
  mark: string;
  /** Base64; secret. Salts and fingerprints derive from it. */
  rootKey: string;
  namespace: string;
}

/** A user as the broker has it. */
export interface Surveyed {
  /** Whose it is; undefined for one that was not made by Edgeflock. */
  mark: string | undefined;
  /** Of all that counts in it. */
  digest: string;
}

/** A user as it should be. */
export interface Prepared {
  username: string;
  /** What a survey finds once it is written. */
  digest: string;
}

export interface Work<P extends Prepared> {
  write: P[];
  /** Usernames. */
  remove: string[];
  /** Usernames that were recorded and are not there any more: somebody may be connected as one still. */
  gone: string[];
  /** Everybody who is to be there when it is done. */
  all: P[];
  live: ReadonlyMap<string, Surveyed>;
}

/** All methods throw a BrokerError where the broker can't be reached or refuses. */
export interface LiveBroker<P extends Prepared = Prepared> {
  survey(): Promise<Map<string, Surveyed>>;
  prepare(user: BrokerUserWithPassword): P;
  /** Ends the connections of whom it removes, and of whose rights it changes. */
  apply(work: Work<P>): Promise<void>;
  /** Takes away what else bears this mark, when no user does any longer. */
  removeRest(mark: string): Promise<void>;
  close(): Promise<void>;
}

/** Short, so that it fits a tag, a topic level and a description; says nothing of the owner. */
export function ownerMark(owner: string): string {
  return createHash("sha256").update(owner).digest("hex").slice(0, 16);
}

/**
 * Whoever is recorded as something else is written too, though the broker may have it right already: a run that was
 * killed between that and the end of the user's connections is known by it.
 *
 * @param former marks of former owners: what bears them is ours too
 * @param adopted usernames that may be taken over from nobody
 * @throws VisibleError for users of others under our names
 */
export function planWork<P extends Prepared>(
  all: P[],
  live: ReadonlyMap<string, Surveyed>,
  mark: string,
  former: readonly string[],
  adopted: ReadonlySet<string>,
  recorded: UserRecord = {},
): Work<P> {
  const ours = (found: Surveyed) =>
    found.mark !== undefined && (found.mark === mark || former.includes(found.mark));
  const foreign = all.filter(({ username }) => {
    const found = live.get(username);
    return found && !ours(found) && !(found.mark === undefined && adopted.has(username));
  });
  if (foreign.length > 0) {
    throw new VisibleError(
      `The broker has users under names of this fleet that it did not make: ${someOf(foreign.map(({ username }) => username))}.`,
      { hint: "Rename the devices, or delete those users at the broker. Nothing was changed there." },
    );
  }
  const write = all.filter(({ username, digest }) => {
    const found = live.get(username);
    const known = recorded[username];
    return (
      found?.mark !== mark || found.digest !== digest || (known !== undefined && !digest.startsWith(known))
    );
  });
  const wanted = new Set(all.map(({ username }) => username));
  const remove = [...live].filter(([username, found]) => ours(found) && !wanted.has(username));
  const gone = Object.keys(recorded).filter((username) => !wanted.has(username) && !live.has(username));
  return { write, remove: remove.map(([username]) => username).sort(), gone, all, live };
}

/** What the state keeps of each user: enough to see whether somebody changed it. */
export type UserRecord = Record<string, string>;

export function recordOf(users: readonly Prepared[]): UserRecord {
  return Object.fromEntries(users.map(({ username, digest }) => [username, digest.slice(0, 8)]).sort());
}

/** One line: whom somebody changed at the broker since; undefined where nobody did. */
export function userDrift(
  record: UserRecord,
  live: ReadonlyMap<string, Surveyed>,
  mark: string,
): string | undefined {
  const found = Object.entries(record).flatMap(([username, digest]) => {
    const user = live.get(username);
    if (user?.mark !== mark) return [`${username} removed`];
    return user.digest.startsWith(digest) ? [] : [`${username} changed`];
  });
  const added = [...live].filter(([username, user]) => user.mark === mark && record[username] === undefined);
  const all = [...found, ...added.map(([username]) => `${username} added`)];
  return all.length === 0 ? undefined : someOf(all.sort());
}

function someOf(texts: string[]): string {
  const shown = texts.slice(0, 5).join(", ");
  return texts.length > 5 ? `${shown} and ${texts.length - 5} more` : shown;
}
