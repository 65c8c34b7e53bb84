// Makes the users of a fleet in an InfluxDB what they should be, whatever they were; says what somebody changed.
// Calls the server.
import { VisibleError } from "../model/visible-error.ts";
import {
  type InfluxCredential,
  InfluxDb,
  InfluxRefusal,
  type InfluxServer,
  identifier,
  literal,
} from "./influxdb.ts";

export interface WantedUser extends InfluxCredential {
  privilege: "READ" | "WRITE";
}

/**
 * @param ours usernames that the state says are the fleet's: their passwords may be changed
 * @throws VisibleError for a server without authentication, a wrong administrator, and a user who is somebody else's
 */
export async function applyInfluxUsers(
  server: InfluxServer,
  admin: InfluxCredential,
  database: string,
  wanted: readonly WantedUser[],
  ours: readonly string[],
): Promise<void> {
  const influx = await asAdministrator(server, admin);
  const there = await influx.users();
  const foreign: string[] = [];
  const known = new Map<string, boolean>();
  for (const user of wanted) {
    if (!there.has(user.username)) continue;
    known.set(user.username, await new InfluxDb(server, user).isKnown());
    if (!known.get(user.username) && !ours.includes(user.username)) foreign.push(user.username);
  }
  if (foreign.length > 0) throw foreignUsers(server, foreign);
  await influx.query(`CREATE DATABASE ${identifier(database)}`);
  for (const user of wanted) {
    const name = identifier(user.username);
    const isThere = there.get(user.username);
    if (!isThere) await influx.query(`CREATE USER ${name} WITH PASSWORD ${literal(user.password)}`);
    else if (!known.get(user.username)) {
      await influx.query(`SET PASSWORD FOR ${name} = ${literal(user.password)}`);
    }
    if (isThere?.admin) await influx.query(`REVOKE ALL PRIVILEGES FROM ${name}`);
    await setGrants(influx, user, database);
  }
  for (const username of ours) {
    if (there.has(username) && !wanted.some((user) => user.username === username)) {
      await influx.query(`DROP USER ${identifier(username)}`);
    }
  }
}

async function setGrants(influx: InfluxDb, user: WantedUser, database: string): Promise<void> {
  const name = identifier(user.username);
  const grants = await influx.grants(user.username);
  for (const [where, privilege] of Object.entries(grants)) {
    if (where === database && privilege === user.privilege) continue;
    await influx.query(`REVOKE ALL ON ${identifier(where)} FROM ${name}`);
  }
  if (grants[database] === user.privilege) return;
  await influx.query(`GRANT ${user.privilege} ON ${identifier(database)} TO ${name}`);
}

/** Leaves the database: what was measured is not ours to delete. */
export async function removeInfluxUsers(
  server: InfluxServer,
  admin: InfluxCredential,
  usernames: readonly string[],
): Promise<void> {
  const influx = await asAdministrator(server, admin);
  const there = await influx.users();
  for (const username of usernames) {
    if (there.has(username)) await influx.query(`DROP USER ${identifier(username)}`);
  }
}

/** What somebody changed since, or undefined. */
export async function influxDrift(
  server: InfluxServer,
  admin: InfluxCredential,
  database: string,
  users: readonly WantedUser[],
): Promise<string | undefined> {
  const influx = await asAdministrator(server, admin);
  const there = await influx.users();
  const found: string[] = [];
  for (const user of users) {
    const live = there.get(user.username);
    if (!live) found.push(`${user.username}: deleted`);
    else if (live.admin) found.push(`${user.username}: is an administrator`);
    else if (!(await new InfluxDb(server, user).isKnown())) found.push(`${user.username}: another password`);
    else {
      const grants = Object.entries(await influx.grants(user.username));
      const wrong = grants.length !== 1 || grants[0]![0] !== database || grants[0]![1] !== user.privilege;
      if (wrong) found.push(`${user.username}: other rights`);
    }
  }
  return found.length === 0 ? undefined : found.join("; ");
}

/** @throws VisibleError for a server without authentication, and a wrong administrator */
export async function asAdministrator(server: InfluxServer, admin: InfluxCredential): Promise<InfluxDb> {
  if (await new InfluxDb(server).isKnown()) {
    throw new VisibleError(`The InfluxDB at ${server.url} takes everybody without a password.`, {
      hint: "Set auth-enabled = true in the [http] part of its configuration: without it no user's rights count.",
    });
  }
  const influx = new InfluxDb(server, admin);
  try {
    await influx.users();
  } catch (error) {
    if (!(error instanceof InfluxRefusal)) throw error;
    throw new VisibleError(
      `The InfluxDB at ${server.url} does not take "${admin.username}" as an administrator: ${error.message}.`,
      {
        hint: "Check spec.telemetry.influxdb.admin. The first one is made with: CREATE USER admin WITH PASSWORD '…' WITH ALL PRIVILEGES",
      },
    );
  }
  return influx;
}

function foreignUsers(server: InfluxServer, usernames: string[]): VisibleError {
  return new VisibleError(
    `The InfluxDB at ${server.url} has users whom this stack did not make: ${usernames.join(", ")}.`,
    {
      hint: `If they are left over from a stack that is gone, drop them and run this again: ${usernames.map((name) => `DROP USER ${identifier(name)}`).join("; ")}. Nothing was changed.`,
    },
  );
}
