import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aclLines } from "../../builders/mosquitto/acl-file.ts";
import { passwordLine } from "../../builders/mosquitto/password-file.ts";
import { shardUsers } from "../../builders/mosquitto/shards.ts";

/** By Debian's mosquitto_passwd 2.0.11 from the password "secret", with a salt of its own choice. */
const MADE_BY_MOSQUITTO =
  "fern:$7$101$NQ+Z4XhAv345qaQQ$8eb7qhrDVX+Q74TuCxZg1vD9mU3IDc6AfklPWQP6F/hNDRva84EpTx1AK0/MSf+aC/yh8rJYY+9a8Ufcp7vUMg==";

const user = (username: string, padding = 0) => ({
  username,
  password: `${username}:$7$101$${"x".repeat(padding)}\n`,
  acl: aclLines({ username, rights: [{ access: "readwrite", topic: `site/${username}/#` }] }),
});
const usersOf = (shards: { passwordfile: string }[]) =>
  shards
    .flatMap(({ passwordfile }) => passwordfile.split("\n").filter(Boolean))
    .map((line) => line.split(":")[0]);
const fleet = (count: number) => Array.from({ length: count }, (_, i) => user(`d-${i}`, 120));

describe("Mosquitto's files", () => {
  it("hold passwords as PBKDF2-SHA512 in the $7$ form that mosquitto_passwd writes", async () => {
    const [, , iterations, salt, hash] = MADE_BY_MOSQUITTO.split("$");
    expect(iterations).toBe("101");
    const line = await passwordLine("fern", "secret", Buffer.from(salt!, "base64"));
    expect(line).toBe(`fern:$7$101$${salt}$${hash}\n`);
  });

  it("give each user a block of its own in the ACL file", () => {
    const rights = [
      { access: "readwrite", topic: "site/a/#" },
      { access: "read", topic: "site/_all/#" },
    ] as const;
    expect(aclLines({ username: "a", rights: [...rights] })).toBe(
      "user a\ntopic readwrite site/a/#\ntopic read site/_all/#\n",
    );
  });

  it("are spread so that every user is in one shard, with password and rights, whatever the order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,12}$/), { maxLength: 60 }), (names) => {
        const shards = shardUsers(names.map((name) => user(name, 40_000)));
        expect(usersOf(shards).sort()).toEqual([...names].sort());
        for (const { passwordfile, aclfile } of shards) {
          expect(usersOf([{ passwordfile }])).toEqual(
            aclfile
              .split("\n")
              .filter((line) => line.startsWith("user "))
              .map((line) => line.slice(5)),
          );
        }
        expect(shardUsers([...names].reverse().map((name) => user(name, 40_000)))).toEqual(shards);
      }),
    );
  });

  it("stay well below a Secret's 1 MiB, for 10,000 devices too", () => {
    for (const { passwordfile, aclfile } of shardUsers(fleet(10_000))) {
      const encoded = [passwordfile, aclfile].map((text) => Buffer.from(text).toString("base64").length);
      expect(encoded[0]! + encoded[1]!).toBeLessThan(900 * 1024);
    }
  });

  it("change one shard for one user more", () => {
    const before = shardUsers(fleet(8000));
    const after = shardUsers([...fleet(8000), user("new", 120)]);
    expect(before.length).toBeGreaterThan(1);
    expect(after.filter((shard, index) => shard.passwordfile !== before[index]?.passwordfile)).toHaveLength(
      1,
    );
  });

  it("are one empty shard for nobody", () => {
    expect(shardUsers([])).toEqual([{ passwordfile: "", aclfile: "" }]);
  });
});
