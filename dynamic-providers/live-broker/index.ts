// What the provider of a fleet's broker does with one that takes its users live: brings them into step, looks for
// changes of others, and takes them away. Connects to the broker.
import { VisibleError } from "../../model/visible-error.ts";
import type { BrokerUserWithPassword } from "../broker-users.ts";
import { BrokerError } from "./broker-error.ts";
import { openDynsec } from "./dynsec.ts";
import { openEmqx } from "./emqx.ts";
import {
  type Administrator,
  type LiveBroker,
  type LiveTarget,
  type Origin,
  ownerMark,
  planWork,
  recordOf,
  type UserRecord,
  userDrift,
} from "./live-broker.ts";
import { openRabbitmq } from "./rabbitmq.ts";

export type { Administrator, LiveTarget, UserRecord } from "./live-broker.ts";

export interface LivePlace {
  live: LiveTarget;
  admin: Administrator;
}

export interface Wanted {
  namespace: string;
  rootKey: string;
  owner: string;
  formerOwner: string;
  users: BrokerUserWithPassword[];
  /** Usernames that may be taken over from nobody. */
  adopted: ReadonlySet<string>;
  /** What the last update that went through left. */
  recorded?: UserRecord | undefined;
}

export interface Applied {
  users: UserRecord;
  /** Whether users of this stack were there before: at a new address it is the broker of before, then. */
  known: boolean;
}

/**
 * Sends what differs, and nothing where nothing does.
 *
 * @throws VisibleError; one with a cause where something may have been sent already
 */
export async function applyUsers(place: LivePlace, wanted: Wanted): Promise<Applied> {
  const { namespace, rootKey, owner, formerOwner, users, adopted, recorded } = wanted;
  const mark = ownerMark(owner);
  return withBroker(place, { mark, rootKey, namespace }, async (broker) => {
    const all = users.map((user) => broker.prepare(user));
    const live = await broker.survey();
    const work = planWork(all, live, mark, [ownerMark(formerOwner)], adopted, recorded);
    await sending(async () => {
      await broker.apply(work);
      if (formerOwner !== owner) await broker.removeRest(ownerMark(formerOwner));
    });
    const known = [...live.values()].some((found) => found.mark === mark);
    return { users: recordOf(all), known };
  });
}

/** What others changed of ours since; what the broker answers where it doesn't let the administrator in. */
export async function findDrift(
  place: LivePlace,
  { namespace, owner }: { namespace: string; owner: string },
  record: UserRecord,
): Promise<string | undefined> {
  const mark = ownerMark(owner);
  try {
    return await withBroker(place, { mark, rootKey: "", namespace }, async (broker) =>
      userDrift(record, await broker.survey(), mark),
    );
  } catch (error) {
    // The next update has the administrator that is configured by then, and says what is wrong with that one.
    if (error instanceof RefusedError) return error.message;
    throw error;
  }
}

/** Takes away all that bears the owner's mark there. */
export async function removeUsers(
  place: LivePlace,
  { namespace, owner }: { namespace: string; owner: string },
): Promise<void> {
  const mark = ownerMark(owner);
  await withBroker(place, { mark, rootKey: "", namespace }, async (broker) => {
    const live = await broker.survey();
    const work = planWork([], live, mark, [], new Set());
    await sending(async () => {
      await broker.apply(work);
      await broker.removeRest(mark);
    });
  });
}

/** Takes away what else we made for them there, where nobody uses it any longer. */
export async function removeRest(
  place: LivePlace,
  { namespace, owner }: { namespace: string; owner: string },
): Promise<void> {
  const mark = ownerMark(owner);
  await withBroker(place, { mark, rootKey: "", namespace }, (broker) =>
    sending(() => broker.removeRest(mark)),
  );
}

/** The broker doesn't let the administrator in. */
class RefusedError extends VisibleError {}

async function withBroker<T>(
  { live, admin }: LivePlace,
  origin: Origin,
  use: (broker: LiveBroker) => Promise<T>,
): Promise<T> {
  let broker: LiveBroker | undefined;
  try {
    broker = await open(live, admin, origin);
    return await use(broker);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const hint = `${hintFor(error, live)} Nothing was changed there.`;
    throw error.refused
      ? new RefusedError(error.message, { hint })
      : new VisibleError(error.message, { hint });
  } finally {
    await broker?.close();
  }
}

async function open(live: LiveTarget, admin: Administrator, origin: Origin): Promise<LiveBroker> {
  if (live.kind === "dynsec") return (await openDynsec(live, admin, origin)) as LiveBroker;
  if (live.kind === "emqx") return openEmqx(live, admin, origin) as LiveBroker;
  return openRabbitmq(live, admin, origin) as LiveBroker;
}

/** Whatever fails in here may have been carried out in part: running it again does the rest. */
async function sending(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    if (!(cause instanceof BrokerError)) throw cause;
    throw new VisibleError(cause.message, { hint: "Run it again: it goes on where it stopped.", cause });
  }
}

function hintFor(error: BrokerError, live: LiveTarget): string {
  if (error.refused) {
    return "Check mqtt.broker.admin, and that it may manage users (RabbitMQ: the tag administrator; Mosquitto: the role admin).";
  }
  const where =
    live.ca === undefined ? "" : ", and that mqtt.broker.management.ca (or mqtt.ca) signs its certificate";
  return `Check mqtt.broker.management.url${where}. A broker that is gone for good: take the Broker out of the state with "pulumi state delete".`;
}
