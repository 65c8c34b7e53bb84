import { compareSync } from "bcryptjs";
import { describe, expect, it } from "vitest";
import {
  isSecret,
  type Properties,
  secret,
  withoutSecrets,
} from "../../../toolchain/stand-ins/property-values.ts";
import { KINDS, type Kind, typeProblems } from "../../../toolchain/stand-ins/random/resource-kinds.ts";
import { differences, stateOf } from "../../../toolchain/stand-ins/random/state.ts";

const kind = (name: string): Kind => KINDS[`random:index/random${name}:Random${name}`]!;
const made = async (name: string, inputs: Properties) => {
  const outputs = await kind(name).create(kind(name).withDefaults(inputs));
  return { outputs, state: stateOf(kind(name), outputs), id: kind(name).idOf(outputs) };
};
const UNSET = secret({ replace: { raw: null } });

describe("the state of a resource is the official plugin's", () => {
  it("RandomBytes: id is the base64, both forms are secret, no schema version", async () => {
    const { outputs, state, id } = await made("Bytes", { length: 16 });
    expect(Buffer.from(id, "base64")).toHaveLength(16);
    expect(outputs.hex).toBe(Buffer.from(id, "base64").toString("hex"));
    expect(state).toEqual({
      base64: secret(outputs.base64!),
      hex: secret(outputs.hex!),
      length: 16,
      __pulumi_raw_state_delta: { obj: { ps: { keepers: UNSET } } },
    });
  });

  it("RandomPassword: id is the word none, defaults are filled in, the hash is bcrypt at cost 10", async () => {
    const { outputs, state, id } = await made("Password", { length: 24, special: false });
    expect(id).toBe("none");
    expect(outputs.bcryptHash).toMatch(/^\$2a\$10\$/);
    expect(compareSync(outputs.result as string, outputs.bcryptHash as string)).toBe(true);
    const { bcryptHash, result, ...rest } = state;
    expect(isSecret(bcryptHash) && isSecret(result)).toBe(true);
    expect(rest).toEqual({
      id: "none",
      length: 24,
      lower: true,
      minLower: 0,
      minNumeric: 0,
      minSpecial: 0,
      minUpper: 0,
      number: true,
      numeric: true,
      special: false,
      upper: true,
      __meta: '{"schema_version":"3"}',
      __pulumi_raw_state_delta: { obj: { ps: { keepers: UNSET, overrideSpecial: UNSET } } },
    });
  });

  it("RandomId: the same number in four forms behind the prefix, and the bare base64url as id", async () => {
    const { outputs, state, id } = await made("Id", { byteLength: 4, prefix: "p-", keepers: { a: "b" } });
    const bytes = Buffer.from(id, "base64url");
    expect(outputs).toMatchObject({
      b64Url: `p-${bytes.toString("base64url")}`,
      b64Std: `p-${bytes.toString("base64")}`,
      hex: `p-${bytes.toString("hex")}`,
      dec: `p-${bytes.readUInt32BE()}`,
    });
    expect(state.__pulumi_raw_state_delta).toEqual({ obj: { ps: { keepers: { map: {} } } } });
  });

  it("RandomUuid: id and result are the UUID", async () => {
    const { outputs, id } = await made("Uuid", {});
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(outputs).toEqual({ id, result: id });
  });
});

describe("a state that an official plugin wrote", () => {
  // The shapes that versions 4.16 (without the bridge's delta) and 4.21 keep.
  const password = {
    __meta: '{"schema_version":"3"}',
    bcryptHash: "$2a$10$HsFvLK4wI7aLBcqPQiJ8DOGYyeymRSM.MNTWUbd/Q3.SykJ/ukpBi",
    id: "none",
    length: 16,
    lower: true,
    minLower: 2,
    minNumeric: 2,
    minSpecial: 2,
    minUpper: 2,
    number: true,
    numeric: true,
    result: "Qp7:#8odTqS)5#bS",
    special: true,
    upper: true,
  };
  const least = { minLower: 2, minNumeric: 2, minSpecial: 2, minUpper: 2 };

  it.for([
    ["Bytes", { length: 2 }, { base64: "AAE=", hex: "0001", length: 2 }],
    ["Id", { byteLength: 1 }, { b64Std: "AA==", b64Url: "AA", byteLength: 1, dec: "0", hex: "00", id: "AA" }],
    [
      "Uuid",
      {},
      { id: "827d0b34-00cc-b03d-d29b-542f354122cb", result: "827d0b34-00cc-b03d-d29b-542f354122cb" },
    ],
    ["Password", { length: 16, number: true, special: true, ...least }, password],
    ["Password", { length: 16, ...least }, { ...password, __pulumi_raw_state_delta: { obj: { ps: {} } } }],
  ] as [string, Properties, Properties][])("shows no change: Random%s %j", ([name, inputs, state]) => {
    expect(differences(kind(name), state, kind(name).withDefaults(inputs))).toEqual([]);
  });
});

describe("what changes a resource", () => {
  it("is nothing, when the inputs are those it was made with", async () => {
    for (const [name, inputs] of [
      ["Bytes", { length: 4, keepers: { a: "1" } }],
      ["Id", { byteLength: 4 }],
      ["Password", { length: 9, numeric: false }],
      ["Uuid", {}],
    ] as const) {
      const { state } = await made(name, inputs);
      const news = kind(name).withDefaults(inputs);
      expect(differences(kind(name), withoutSecrets(state) as Properties, news)).toEqual([]);
    }
  });

  it("is any input, and it replaces", async () => {
    const { state } = await made("Password", { length: 9, keepers: { v: "1", "a.b": "x" } });
    const news = kind("Password").withDefaults({ length: 10, keepers: { v: "2" }, overrideSpecial: "_" });
    const found = differences(kind("Password"), withoutSecrets(state) as Properties, news);
    expect(found.map(({ path, change, replaces }) => [path, change, replaces])).toEqual([
      ['keepers["a.b"]', "delete", true],
      ["keepers.v", "update", true],
      ["length", "update", true],
      ["overrideSpecial", "add", true],
    ]);
  });

  it("spares what older plugins stored for no special characters of one's own", () => {
    const [found] = differences(kind("Password"), { overrideSpecial: "" }, {});
    expect(found?.replaces).toBe(false);
  });
});

describe("importing what exists", () => {
  it("takes RandomBytes by its base64 and RandomId by prefix and base64url", async () => {
    expect(await kind("Bytes").importFrom("AQID")).toEqual({ length: 3, base64: "AQID", hex: "010203" });
    const id = await kind("Id").importFrom("x,y,AQID");
    expect(id).toMatchObject({ byteLength: 3, prefix: "x,y", b64Url: "x,yAQID", dec: "x,y66051" });
    expect(kind("Id").importedInputs(id)).toEqual({ byteLength: 3, prefix: "x,y" });
  });

  it("takes RandomPassword by its text, and the inputs then change nothing", async () => {
    const outputs = await kind("Password").importFrom("correct horse");
    expect(compareSync("correct horse", outputs.bcryptHash as string)).toBe(true);
    const inputs = kind("Password").importedInputs(outputs);
    expect(inputs).toEqual({
      length: 13,
      lower: true,
      upper: true,
      number: true,
      numeric: true,
      special: true,
    });
    expect(differences(kind("Password"), outputs, kind("Password").withDefaults(inputs))).toEqual([]);
  });

  it("refuses an id of another form", async () => {
    for (const [name, id] of [
      ["Bytes", "no base64!"],
      ["Id", "a+b/"],
      ["Uuid", "1234"],
    ] as const) {
      expect(() => kind(name).importFrom(id)).toThrow(/is not/);
    }
  });
});

describe("checking inputs", () => {
  it("names what is missing, unknown or of the wrong type, all at once", () => {
    const found = typeProblems(kind("Password"), { lower: "yes", lenght: 3, keepers: [] });
    expect(found.map(({ property }) => property)).toEqual(["length", "lower", "lenght", "keepers"]);
  });

  it("refuses number and numeric that contradict each other", () => {
    const found = kind("Password").problems({ length: 8, number: true, numeric: false });
    expect(found[0]?.property).toBe("number");
  });
});
