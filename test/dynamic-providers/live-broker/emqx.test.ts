import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BrokerUserWithPassword } from "../../../dynamic-providers/broker-users.ts";
import {
  applyUsers,
  findDrift,
  removeUsers,
  type UserRecord,
} from "../../../dynamic-providers/live-broker/index.ts";
import { deviceRights } from "../../../model/mqtt-access.ts";
import { EmqxDouble } from "./emqx-double.ts";

const user = (username: string, password = `password of ${username}`): BrokerUserWithPassword => ({
  username,
  clientId: username,
  rights: deviceRights("site", {
    original: username,
    className: "node",
    groups: [],
    commands: true,
    broadcasts: false,
  }),
  password: () => password,
});
const BASE = {
  namespace: "ns",
  rootKey: Buffer.alloc(32, 3).toString("base64"),
  owner: "p/s/b",
  formerOwner: "p/s/b",
  adopted: new Set<string>(),
};

describe("an EMQX, as its API is documented", () => {
  let emqx: EmqxDouble;
  const place = (password = "secret") => ({
    live: { kind: "emqx" as const, url: emqx.url },
    admin: { username: "key", password },
  });
  const apply = (
    users: BrokerUserWithPassword[],
    rest: Partial<typeof BASE & { recorded: UserRecord }> = {},
  ) => applyUsers(place(), { ...BASE, ...rest, users });

  beforeEach(async () => {
    emqx = await EmqxDouble.start("key:secret");
    emqx.users.set("theirs", { password: "x", is_superuser: true });
  });
  afterEach(() => emqx.stop());

  it("gets users with rules of which the last denies everything, and equal input sends nothing", async () => {
    await apply([user("a"), user("b")]);
    expect(emqx.users.get("a")).toEqual({ password: "password of a", is_superuser: false });
    expect(emqx.rules.get("a")).toEqual([
      {
        topic: expect.stringMatching(/^\$edgeflock\/[0-9a-f]{16}\/[0-9a-f]{12}$/),
        permission: "deny",
        action: "all",
      },
      { topic: "site/a/#", permission: "allow", action: "all" },
      { topic: "#", permission: "deny", action: "all" },
      { topic: "$SYS/#", permission: "deny", action: "all" },
    ]);
    emqx.writes.length = 0;
    await apply([user("a"), user("b")]);
    expect(emqx.writes).toEqual([]);
  });

  it("is told of a new password and of who is gone, whose connections end; others' users stay", async () => {
    await apply([user("a"), user("b"), user("c")]);
    for (const name of ["a", "b", "c"]) emqx.clients.set(`client of ${name}`, name);
    await apply([user("a", "another"), user("c")]);
    expect(emqx.users.get("a")!.password).toBe("another");
    expect([...emqx.users.keys()].sort()).toEqual(["a", "c", "theirs"]);
    expect([...emqx.rules.keys()].sort()).toEqual(["a", "c"]);
    expect([...emqx.clients.values()]).toEqual(["c"]);
    await removeUsers(place(), BASE);
    expect([...emqx.users.keys()]).toEqual(["theirs"]);
    expect(emqx.rules.size).toBe(0);
  });

  it("ends the connections of whom it was killed over, after their rights were written", async () => {
    const { users } = await apply([user("a"), user("b"), user("c")]);
    for (const name of ["a", "b", "c"]) emqx.clients.set(`client of ${name}`, name);
    emqx.hidesClients = true;
    await expect(apply([user("a", "another"), user("c")], { recorded: users })).rejects.toThrow(/503/);
    expect(emqx.users.has("b")).toBe(false);
    emqx.hidesClients = false;
    await apply([user("a", "another"), user("c")], { recorded: users });
    expect([...emqx.clients.values()]).toEqual(["c"]);
    expect([...emqx.rules.keys()].sort()).toEqual(["a", "c"]);
  });

  it("ends all connections of a user, however many, and of one that somebody else deleted", async () => {
    const { users } = await apply([user("a"), user("b")]);
    for (let index = 0; index < 2500; index++) emqx.clients.set(`client ${index}`, "a");
    emqx.clients.set("client of b", "b");
    emqx.users.delete("b");
    emqx.rules.delete("b");
    await apply([user("a", "another")], { recorded: users });
    expect(emqx.clients.size).toBe(0);
  });

  it("shows at a refresh what somebody changed, and is put right", async () => {
    const { users } = await apply([user("a"), user("b"), user("c")]);
    expect(await findDrift(place(), BASE, users)).toBeUndefined();
    emqx.users.delete("a");
    emqx.rules.get("b")!.splice(1, 0, { topic: "#", permission: "allow", action: "all" });
    emqx.users.set("c", { password: "x", is_superuser: true });
    expect(await findDrift(place(), BASE, users)).toBe("a changed, b changed, c changed");
    await apply([user("a"), user("b"), user("c")]);
    expect(await findDrift(place(), BASE, users)).toBeUndefined();
    expect(emqx.users.get("c")!.is_superuser).toBe(false);
  });

  it("keeps two stacks apart, and says whose a name is not", async () => {
    await apply([user("a")]);
    await expect(apply([user("a")], { owner: "p/t/b", formerOwner: "p/t/b" })).rejects.toThrow(
      /did not make: a/,
    );
    await expect(apply([user("theirs")])).rejects.toThrow(/did not make: theirs/);
    await apply([user("z")], { owner: "p/t/b", formerOwner: "p/t/b" });
    await removeUsers(place(), { namespace: "ns", owner: "p/t/b" });
    expect([...emqx.users.keys()].sort()).toEqual(["a", "theirs"]);
  });

  it("finishes what was interrupted between a user's rules and the user", async () => {
    await apply([user("a")]);
    emqx.users.delete("a");
    await apply([user("a")]);
    expect(emqx.users.has("a")).toBe(true);
  });

  it("says who is not let in, where nobody answers, and what to do, without the password", async () => {
    const wanted = { ...BASE, users: [user("a")] };
    const refused = await applyUsers(place("wrong-password"), wanted).catch((error) => error);
    expect(`${refused.message} ${refused.hint}`).toMatch(
      /does not know the administrator "key".*mqtt\.broker\.admin/,
    );
    expect(JSON.stringify([refused.message, refused.hint])).not.toContain("wrong-password");
    expect(await findDrift(place("wrong-password"), BASE, {})).toMatch(/does not know the administrator/);
    const gone = { live: { kind: "emqx" as const, url: "http://127.0.0.1:1" }, admin: place().admin };
    await expect(applyUsers(gone, wanted)).rejects.toThrow(/127\.0\.0\.1:1 cannot be reached/);
  });
});
