// The provider of a fleet's telemetry users: makes them in InfluxDB and puts their credentials into the Secrets that
// Telegraf and Grafana read. Calls InfluxDB and the API server.
import type { KubernetesApi } from "../kubernetes/api.ts";
import { objectLabels } from "../model/names.ts";
import { appliedDigest } from "./applied-digest.ts";
import {
  applyInfluxUsers,
  asAdministrator,
  influxDrift,
  removeInfluxUsers,
  type WantedUser,
} from "./influx-users.ts";
import type { InfluxCredential, InfluxServer } from "./influxdb.ts";
import {
  type Injected,
  type Injection,
  inject,
  injectionDrift,
  perhapsInjected,
  withdraw,
} from "./injected-secret.ts";
import { created } from "./outcome-unknown.ts";
import type { DynamicProvider } from "./provider.ts";
import { type ClusterInputs, connectFor } from "./stack-connection.ts";

/** A user of InfluxDB, and which value goes under which key of whose Secret. */
export interface TelemetryUser {
  privilege: "READ" | "WRITE";
  generation: number;
  secret: {
    namespace: string;
    name: string;
    keys: { url: string; database: string; username: string; password: string };
  };
}

export interface TelemetryInputs extends ClusterInputs {
  cluster: string;
  namespace: string;
  /** `<project>/<stack>/<resource>`: the token that the Secrets bear. */
  owner: string;
  database: string;
  /** For Telegraf and Grafana. */
  url: string;
  /** For us. */
  adminUrl: string;
  /** PEM. */
  ca?: string;
  /** By username. */
  users: Record<string, TelemetryUser>;
  /** An `InfluxCredential` as text; secret. */
  admin: string;
  /** Password of each user as JSON; secret. */
  passwords: string;
}

/** What the state keeps: enough to look after the users, and to remove them. */
export interface TelemetryOutputs extends Omit<TelemetryInputs, "url"> {
  /** Digest of what was applied but for the administrator. */
  applied: string;
  injected: Injected[];
  /** Set by a refresh that found something changed. */
  drift?: string;
}

async function diff(_id: string, olds: TelemetryOutputs, news: TelemetryInputs) {
  const moved = (["namespace", "clusterUid", "adminUrl"] as const).filter((key) => olds[key] !== news[key]);
  const changes =
    moved.length > 0 ||
    olds.drift !== undefined ||
    olds.applied !== appliedTelemetry(news) ||
    olds.admin !== news.admin;
  // Two addresses may lead to one server, where the old users' deletion would end the new ones, who have their names.
  return { changes, replaces: [...moved], deleteBeforeReplace: moved.length > 0 };
}

async function create(inputs: TelemetryInputs) {
  const id = `${inputs.namespace}/${inputs.cluster}-telemetry`;
  const { server, admin } = influxOf(inputs);
  // Whatever fails here fails before anything is written.
  await asAdministrator(server, admin);
  return created(
    id,
    () => write(inputs, undefined),
    () => outputs(inputs, "", []),
  );
}

async function update(_id: string, olds: TelemetryOutputs, news: TelemetryInputs) {
  return { outs: await write(news, olds) };
}

async function read(id: string, props: TelemetryOutputs) {
  const api = await connectFor(props);
  const { drift: _, ...rest } = props;
  const { server, admin, users } = influxOf(props);
  const found = [await influxDrift(server, admin, props.database, users)];
  for (const each of props.injected) {
    const drift = await injectionDrift(api, each);
    if (drift !== undefined) found.push(`${each.namespace}/${each.name}: ${drift}`);
  }
  const drift = found.filter((line) => line !== undefined).join("; ");
  return { id, props: drift === "" ? rest : { ...rest, drift } };
}

async function remove(_id: string, props: TelemetryOutputs) {
  const api = await connectFor(props);
  const { server, admin, users } = influxOf(props);
  await removeInfluxUsers(
    server,
    admin,
    users.map(({ username }) => username),
  );
  for (const injected of injectedOf(props)) await withdraw(api, injected, props.owner);
}

/** The users first: a Secret never holds what InfluxDB does not take. */
async function write(
  inputs: TelemetryInputs,
  before: TelemetryOutputs | undefined,
): Promise<TelemetryOutputs> {
  const api = await connectFor(inputs);
  const { server, admin, users } = influxOf(inputs);
  await applyInfluxUsers(server, admin, inputs.database, users, Object.keys(before?.users ?? {}));
  const injected: Injected[] = [];
  for (const injection of injections(inputs, users)) {
    injected.push(await inject(api, injection, inputs.owner, before ? [before.owner] : []));
  }
  if (before) await withdrawOthers(api, before, injected);
  return outputs(inputs, appliedTelemetry(inputs), injected);
}

async function withdrawOthers(
  api: KubernetesApi,
  before: Parameters<typeof injectedOf>[0],
  keep: Injected[],
): Promise<void> {
  for (const old of injectedOf(before)) {
    const stays = keep.some(({ namespace, name }) => namespace === old.namespace && name === old.name);
    if (!stays) await withdraw(api, old, before.owner);
  }
}

/** Of a create that was interrupted: what may be there by now. */
function injectedOf(
  of: Pick<TelemetryOutputs, "applied" | "injected" | "users" | "owner" | "namespace">,
): Injected[] {
  if (of.applied !== "") return of.injected;
  return Object.values(of.users).map(({ secret }) => perhapsInjected(of.owner, of.namespace, secret));
}

function injections(inputs: TelemetryInputs, users: readonly WantedUser[]): Injection[] {
  const { cluster, namespace, url, database } = inputs;
  const labels = objectLabels({ cluster });
  return users.map(({ username, password }) => {
    const { keys, ...place } = inputs.users[username]!.secret;
    const data = {
      [keys.url]: url,
      [keys.database]: database,
      [keys.username]: username,
      [keys.password]: password,
    };
    return { ...place, fleet: namespace, labels, data };
  });
}

function influxOf(props: Pick<TelemetryInputs, "adminUrl" | "ca" | "admin" | "users" | "passwords">): {
  server: InfluxServer;
  admin: InfluxCredential;
  users: WantedUser[];
} {
  const passwords = JSON.parse(props.passwords) as Record<string, string>;
  return {
    server: { url: props.adminUrl, ca: props.ca },
    admin: JSON.parse(props.admin) as InfluxCredential,
    users: Object.entries(props.users).map(([username, { privilege }]) => ({
      username,
      password: passwords[username]!,
      privilege,
    })),
  };
}

function outputs(inputs: TelemetryInputs, applied: string, injected: Injected[]): TelemetryOutputs {
  const { url: _url, __provider: _text, ...rest } = inputs as TelemetryInputs & { __provider?: string };
  return { ...rest, applied, injected };
}

/** The administrator is left out: a password that a person chose could be guessed from its digest. */
function appliedTelemetry({ admin: _, ...rest }: TelemetryInputs): string {
  return appliedDigest(rest);
}

export const telemetryProvider: DynamicProvider<TelemetryInputs, TelemetryOutputs> = {
  diff,
  create,
  update,
  read,
  delete: remove,
};
