// The part of the provider of a fleet's broker that is about one which takes its users by an API. Connects to it.
import { isAdoptedCredential } from "../model/adopted.ts";
import type { BrokerInputs, BrokerOutputs } from "./broker-provider.ts";
import type { BrokerUserWithPassword, PasswordSource } from "./broker-users.ts";
import { applyUsers, findDrift, type LivePlace, removeRest, removeUsers } from "./live-broker/index.ts";

type Recorded = Pick<BrokerOutputs, "live" | "admin" | "users">;

/** Makes the users there; those at another broker, where they were before, go when the new ones are there. */
export async function writeLive(
  inputs: BrokerInputs,
  source: PasswordSource,
  users: BrokerUserWithPassword[],
  before: BrokerOutputs | undefined,
  formerOwner: string,
): Promise<Recorded> {
  const { namespace, owner } = inputs;
  const place = placeOf(inputs);
  const old = before && placeOf(before);
  if (!place) {
    if (old) await removeUsers(old, before);
    return {};
  }
  const applied = await applyUsers(place, {
    namespace,
    owner,
    users,
    rootKey: source.rootKey,
    formerOwner,
    adopted: adoptedUsernames(source),
    recorded: before?.users,
  });
  if (old) await leave(old, place, before, applied.known);
  return { live: place.live, admin: inputs.admin!, users: applied.users };
}

/** @param known whether the new place had our users already: a broker that got another address must keep them */
async function leave(old: LivePlace, place: LivePlace, before: BrokerOutputs, known: boolean): Promise<void> {
  const sameAddress = old.live.kind === place.live.kind && old.live.url === place.live.url;
  if (!sameAddress && !known) await removeUsers(old, before);
  else if (old.live.vhost !== undefined && old.live.vhost !== place.live.vhost) {
    await removeRest({ ...place, live: { ...place.live, vhost: old.live.vhost } }, before);
  }
}

/** What others changed of ours at the broker, as far as a state knows of one. */
export async function liveDrift(of: BrokerOutputs): Promise<string | undefined> {
  const place = placeOf(of);
  const drift = place && (await findDrift(place, of, of.users ?? {}));
  return drift === undefined ? undefined : `users at ${place!.live.url}: ${drift}`;
}

export async function removeLive(of: BrokerOutputs): Promise<void> {
  const place = placeOf(of);
  if (place) await removeUsers(place, of);
}

function placeOf({ live, admin }: Pick<BrokerInputs, "live" | "admin">): LivePlace | undefined {
  return live && admin !== undefined ? { live, admin: JSON.parse(admin) } : undefined;
}

function adoptedUsernames({ adopted }: PasswordSource): Set<string> {
  const credentials = Object.entries(adopted).filter(([key]) => isAdoptedCredential(key));
  return new Set(credentials.map(([, text]) => (JSON.parse(text) as { username: string }).username));
}
