// A fleet's users at a Mosquitto with its dynamic security plugin. Each set of rights is a role, named after its content.
import { type DynsecAcl, dynsecAcls } from "../../builders/mosquitto/dynsec-acls.ts";
import { fingerprint } from "../../model/derivation.ts";
import { compareText } from "../../model/problem.ts";
import type { BrokerUserWithPassword } from "../broker-users.ts";
import { stableDigest } from "../stable-digest.ts";
import { type Command, DynsecConnection } from "./dynsec-connection.ts";
import type {
  Administrator,
  LiveBroker,
  LiveTarget,
  Origin,
  Prepared,
  Surveyed,
  Work,
} from "./live-broker.ts";

interface PreparedClient extends Prepared {
  rolename: string;
  acls: DynsecAcl[];
  description: string;
  password(): string;
}

interface Client {
  username: string;
  textdescription?: string;
  disabled?: boolean;
  roles: { rolename: string }[];
  groups: { groupname: string }[];
}

interface Role {
  rolename: string;
  acls: DynsecAcl[];
}

/** Users or roles that are asked for at once. */
const PAGE = 1000;
/** In a client's description: whose it is, and the fingerprint of its password, which the broker doesn't give out. */
const DESCRIPTION = /^edgeflock ([0-9a-f]{16}) [0-9a-f]+$/;

export async function openDynsec(
  target: LiveTarget,
  admin: Administrator,
  origin: Origin,
): Promise<LiveBroker<PreparedClient>> {
  return new Dynsec(await DynsecConnection.open(target, admin), origin);
}

class Dynsec implements LiveBroker<PreparedClient> {
  readonly #connection: DynsecConnection;
  readonly #origin: Origin;
  #roles = new Map<string, Role>();

  constructor(connection: DynsecConnection, origin: Origin) {
    this.#connection = connection;
    this.#origin = origin;
  }

  async survey(): Promise<Map<string, Surveyed>> {
    const roles = await this.#list<Role>("listRoles", "roles");
    this.#roles = new Map(roles.map((role) => [role.rolename, role]));
    const clients = await this.#list<Client>("listClients", "clients");
    return new Map(clients.map((client) => [client.username, this.#surveyed(client)]));
  }

  prepare(user: BrokerUserWithPassword): PreparedClient {
    const { mark, rootKey, namespace } = this.#origin;
    const { username, password } = user;
    const acls = dynsecAcls(user.rights);
    const rolename = `${rolePrefix(mark)}${aclsDigest(acls).slice(0, 16)}`;
    const print = fingerprint(rootKey, ["broker-password", namespace, username], password());
    const description = `edgeflock ${mark} ${print}`;
    const digest = clientDigest({ description, disabled: false, groups: [], roles: [[rolename, acls]] });
    return { username, digest, rolename, acls, description, password };
  }

  async apply({ write, remove, all, live }: Work<PreparedClient>): Promise<void> {
    await this.#connection.send(this.#roleCommands(all));
    await this.#connection.send(write.flatMap((client) => clientCommands(client, live)));
    await this.#connection.send(remove.map((username) => ({ command: "deleteClient", username })));
    const used = new Set(all.map(({ rolename }) => rolename));
    await this.#deleteRoles(
      (rolename) => rolename.startsWith(rolePrefix(this.#origin.mark)) && !used.has(rolename),
    );
  }

  async removeRest(mark: string): Promise<void> {
    await this.#deleteRoles((rolename) => rolename.startsWith(rolePrefix(mark)));
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  #roleCommands(all: PreparedClient[]): Command[] {
    const wanted = new Map(all.map(({ rolename, acls }) => [rolename, acls]));
    return [...wanted].flatMap(([rolename, acls]) => {
      const live = this.#roles.get(rolename);
      if (live && aclsDigest(live.acls) === aclsDigest(acls)) return [];
      this.#roles.set(rolename, { rolename, acls });
      return [{ command: live ? "modifyRole" : "createRole", rolename, acls }];
    });
  }

  async #deleteRoles(which: (rolename: string) => boolean): Promise<void> {
    const names = [...this.#roles.keys()].filter(which).sort();
    await this.#connection.send(names.map((rolename) => ({ command: "deleteRole", rolename })));
    for (const name of names) this.#roles.delete(name);
  }

  #surveyed({ username: _, textdescription = "", disabled = false, roles, groups }: Client): Surveyed {
    const [, mark] = DESCRIPTION.exec(textdescription) ?? [];
    const digest = clientDigest({
      description: textdescription,
      disabled,
      groups: groups.map(({ groupname }) => groupname),
      roles: roles.map(({ rolename }) => [rolename, this.#roles.get(rolename)?.acls ?? []]),
    });
    return { mark, digest };
  }

  async #list<T>(command: string, key: string): Promise<T[]> {
    const found: T[] = [];
    for (;;) {
      const [page] = (await this.#connection.send([
        { command, verbose: true, count: PAGE, offset: found.length },
      ])) as [Record<string, unknown>];
      const items = page[key] as T[];
      found.push(...items);
      if (items.length < PAGE) return found;
    }
  }
}

function rolePrefix(mark: string): string {
  return `edgeflock/${mark}/`;
}

function clientCommands(client: PreparedClient, live: Work<PreparedClient>["live"]): Command[] {
  const { username, description: textdescription, rolename } = client;
  const whole = { username, password: client.password(), textdescription, roles: [{ rolename }], groups: [] };
  if (!live.has(username)) return [{ command: "createClient", ...whole }];
  return [
    { command: "modifyClient", ...whole },
    { command: "enableClient", username },
  ];
}

interface ClientContent {
  description: string;
  disabled: boolean;
  groups: string[];
  roles: [string, DynsecAcl[]][];
}

function clientDigest({ roles, ...rest }: ClientContent): string {
  const named = roles.map(([rolename, acls]) => [rolename, aclsDigest(acls)]);
  return stableDigest([rest, named.sort(([a], [b]) => compareText(a!, b!))]);
}

/** The broker gives them back in an order of its own. */
function aclsDigest(acls: DynsecAcl[]): string {
  return stableDigest(
    acls.map(({ acltype, topic, priority, allow }) => `${acltype} ${topic} ${priority} ${allow}`).sort(),
  );
}
