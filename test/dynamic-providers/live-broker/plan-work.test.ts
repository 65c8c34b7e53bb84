import { describe, expect, it } from "vitest";
import {
  ownerMark,
  planWork,
  recordOf,
  type Surveyed,
  userDrift,
} from "../../../dynamic-providers/live-broker/live-broker.ts";

const [OURS, FORMER, OTHERS] = ["p/s/ours", "p/s/former", "p/other/ours"].map(ownerMark) as [
  string,
  string,
  string,
];
const wanted = (...names: string[]) =>
  names.map((username) => ({ username, digest: `digest-of-${username}` }));
const live = (users: Record<string, string | undefined>, digests: Record<string, string> = {}) =>
  new Map(
    Object.entries(users).map(([name, mark]): [string, Surveyed] => [
      name,
      { mark, digest: digests[name] ?? `digest-of-${name}` },
    ]),
  );
const plan = (all: string[], there: ReadonlyMap<string, Surveyed>, adopted: string[] = []) => {
  const { write, remove } = planWork(wanted(...all), there, OURS, [FORMER], new Set(adopted));
  return { write: write.map(({ username }) => username), remove };
};

describe("what is sent to a live broker", () => {
  it("is nothing where everything is as it should be", () => {
    expect(plan(["a", "b"], live({ a: OURS, b: OURS, theirs: undefined, others: OTHERS }))).toEqual({
      write: [],
      remove: [],
    });
  });

  it("is who is missing or was changed, and who goes; of others nobody", () => {
    const there = live({ b: OURS, gone: OURS, theirs: undefined, others: OTHERS }, { b: "changed" });
    expect(plan(["a", "b"], there)).toEqual({ write: ["a", "b"], remove: ["gone"] });
  });

  it("puts the present owner's mark on what bears a former one, and takes away what it left", () => {
    expect(plan(["a"], live({ a: FORMER, old: FORMER }))).toEqual({ write: ["a"], remove: ["old"] });
  });

  it("is refused where a name is somebody else's, unless its credential was adopted", () => {
    expect(() => plan(["a", "theirs"], live({ theirs: undefined }))).toThrow(/did not make: theirs/);
    expect(() => plan(["others"], live({ others: OTHERS }), ["others"])).toThrow(/did not make: others/);
    expect(plan(["theirs"], live({ theirs: undefined }), ["theirs"]).write).toEqual(["theirs"]);
  });

  it("is again who was recorded as something else: a run may have been killed before it cut them off", () => {
    const there = live({ a: OURS, b: OURS, c: OURS });
    const recorded = { ...recordOf(wanted("a")), b: "another", gone: "whatever" };
    const work = planWork(wanted("a", "b", "c"), there, OURS, [], new Set(), recorded);
    expect(work.write.map(({ username }) => username)).toEqual(["b"]);
    expect(work.gone).toEqual(["gone"]);
  });

  it("leaves a record, by which a refresh names whom somebody changed", () => {
    const record = recordOf(wanted("a", "b", "c"));
    expect(userDrift(record, live({ a: OURS, b: OURS, c: OURS, theirs: undefined }), OURS)).toBeUndefined();
    const there = live({ a: OURS, b: undefined, d: OURS }, { a: "changed" });
    expect(userDrift(record, there, OURS)).toBe("a changed, b removed, c removed, d added");
  });
});
