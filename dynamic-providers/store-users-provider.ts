// The provider of a fleet's users in its object store. Calls the server's IAM API. The server makes the keys, so the
// state keeps them, as a secret.
import type { StoreUserKind } from "../model/artifact-policy.ts";
import { appliedDigest } from "./applied-digest.ts";
import { type AccessKey, type IamPlace, IamUsers, type WantedIamUser } from "./iam-users.ts";
import { created } from "./outcome-unknown.ts";
import type { DynamicProvider } from "./provider.ts";
import type { ClusterInputs } from "./stack-connection.ts";

export interface StoreUsersInputs extends ClusterInputs {
  namespace: string;
  /** `<project>/<stack>/<resource>`: the tag that the users bear. */
  owner: string;
  iam: Omit<IamPlace, "admin">;
  users: Record<StoreUserKind, WantedIamUser>;
  /** Raised by one for new keys. */
  generation: number;
  /** An `AccessKey` as text; secret. */
  admin?: string;
}

export interface StoreUsersOutputs extends StoreUsersInputs {
  /** Digest of what was applied but for the administrator. */
  applied: string;
  /** `StoreUserKeys` as text; secret. */
  keys: string;
  /** Set by a refresh that found something changed. */
  drift?: string;
}

export type StoreUserKeys = Record<StoreUserKind, AccessKey>;

async function diff(_id: string, olds: StoreUsersOutputs, news: StoreUsersInputs) {
  const moved = olds.namespace !== news.namespace || olds.iam.url !== news.iam.url;
  const changes =
    moved || olds.drift !== undefined || olds.applied !== appliedUsers(news) || olds.admin !== news.admin;
  return { changes, replaces: moved ? ["namespace"] : [], deleteBeforeReplace: false };
}

async function create(inputs: StoreUsersInputs) {
  const id = `${inputs.namespace}/store-users`;
  return created(
    id,
    () => write(inputs),
    () => outputs(inputs, "", NO_KEYS),
  );
}

async function update(_id: string, olds: StoreUsersOutputs, news: StoreUsersInputs) {
  return { outs: await write(news, olds) };
}

async function read(id: string, props: StoreUsersOutputs) {
  const { drift: _, ...rest } = props;
  const keys = JSON.parse(props.keys) as StoreUserKeys;
  const found = await withUsers(props, async (iam) => {
    const lines: (string | undefined)[] = [];
    for (const [kind, user] of usersOf(props)) {
      lines.push(await iam.drift(user, props.owner, keys[kind].accessKeyId));
    }
    return lines.filter((line) => line !== undefined);
  });
  return { id, props: found.length === 0 ? rest : { ...rest, drift: found.join("; ") } };
}

async function remove(_id: string, props: StoreUsersOutputs) {
  await withUsers(props, async (iam) => {
    for (const [, { name }] of usersOf(props)) await iam.remove(name, props.owner);
  });
}

/** Keys stay as long as nobody has touched them and no new ones are asked for. */
async function write(inputs: StoreUsersInputs, before?: StoreUsersOutputs): Promise<StoreUsersOutputs> {
  const keep =
    before !== undefined &&
    before.applied !== "" &&
    before.drift === undefined &&
    before.generation === inputs.generation;
  const keys = before === undefined ? { ...NO_KEYS } : (JSON.parse(before.keys) as StoreUserKeys);
  await withUsers(inputs, async (iam) => {
    for (const [kind, user] of usersOf(inputs)) {
      await iam.apply(user, [inputs.owner, ...(before ? [before.owner] : [])]);
      if (!keep) keys[kind] = await iam.renewKey(user.name);
    }
  });
  return outputs(inputs, appliedUsers(inputs), keys);
}

async function withUsers<T>(
  { iam, admin }: Pick<StoreUsersInputs, "iam" | "admin">,
  use: (iam: IamUsers) => Promise<T>,
): Promise<T> {
  const users = await IamUsers.open({
    ...iam,
    ...(admin !== undefined && { admin: JSON.parse(admin) as AccessKey }),
  });
  try {
    return await use(users);
  } finally {
    users.close();
  }
}

const NO_KEYS: StoreUserKeys = {
  store: { accessKeyId: "", secretAccessKey: "" },
  flashing: { accessKeyId: "", secretAccessKey: "" },
};

function usersOf({ users }: Pick<StoreUsersInputs, "users">): [StoreUserKind, WantedIamUser][] {
  return Object.entries(users) as [StoreUserKind, WantedIamUser][];
}

function outputs(inputs: StoreUsersInputs, applied: string, keys: StoreUserKeys): StoreUsersOutputs {
  const { __provider: _, ...rest } = inputs as StoreUsersInputs & { __provider?: string };
  return { ...rest, applied, keys: JSON.stringify(keys) };
}

/** The administrator is left out: a password that a person chose could be guessed from its digest. */
function appliedUsers({ admin: _, ...rest }: StoreUsersInputs): string {
  return appliedDigest(rest);
}

export const storeUsersProvider: DynamicProvider<StoreUsersInputs, StoreUsersOutputs> = {
  diff,
  create,
  update,
  read,
  delete: remove,
};
