import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Selector } from "../../model/schema.ts";
import { indexGroups, matches } from "../../model/selectors.ts";
import { fleet, group, problemsOf } from "./manifests.ts";

const key = fc.constantFrom("a", "b", "c", "d", "constructor");
const text = fc.constantFrom("", "x", "y", "z");
const labels = fc.dictionary(key, text);
const selector: fc.Arbitrary<Selector> = fc.record(
  {
    matchLabels: fc.dictionary(key, text, { maxKeys: 2 }),
    matchExpressions: fc.array(
      fc.oneof(
        fc.record({
          key,
          operator: fc.constantFrom("In" as const, "NotIn" as const),
          values: fc.array(text, { minLength: 1, maxLength: 3 }),
        }),
        fc.record({ key, operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const) }),
      ),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);

/** Kubernetes' rules, written down in another way: all conditions as predicates over a map. */
function oracle(of: Selector, on: Record<string, string>): boolean {
  const there = new Map(Object.entries(on));
  const conditions = [
    ...Object.entries(of.matchLabels ?? {}).map(([name, value]) => there.get(name) === value),
    ...(of.matchExpressions ?? []).map((each) => {
      const listed = (each.values ?? []).some((value) => there.get(each.key) === value);
      return { In: listed, NotIn: !listed, Exists: there.has(each.key), DoesNotExist: !there.has(each.key) }[
        each.operator
      ];
    }),
  ];
  return !conditions.includes(false);
}

describe("a selector", () => {
  it.each([
    ["an empty one picks everything", {}, { a: "x" }, true],
    ["matchLabels needs the very value", { matchLabels: { a: "x" } }, { a: "y" }, false],
    ["matchLabels needs all of them", { matchLabels: { a: "x", b: "y" } }, { a: "x" }, false],
    [
      "In takes any of the values",
      { matchExpressions: [{ key: "a", operator: "In", values: ["x", "y"] }] },
      { a: "y" },
      true,
    ],
    [
      "NotIn picks what lacks the label",
      { matchExpressions: [{ key: "a", operator: "NotIn", values: ["x"] }] },
      {},
      true,
    ],
    [
      "Exists does not look at the value",
      { matchExpressions: [{ key: "a", operator: "Exists" }] },
      { a: "" },
      true,
    ],
    [
      "DoesNotExist is its opposite",
      { matchExpressions: [{ key: "a", operator: "DoesNotExist" }] },
      { a: "" },
      false,
    ],
    [
      "names of JavaScript are no labels",
      { matchExpressions: [{ key: "constructor", operator: "Exists" }] },
      {},
      false,
    ],
  ] as [string, Selector, Record<string, string>, boolean][])("%s", (_, of, on, expected) => {
    expect(matches(of, on)).toBe(expected);
  });

  it("agrees with a naive oracle", () => {
    fc.assert(
      fc.property(selector, labels, (of, on) => {
        expect(matches(of, on)).toBe(oracle(of, on));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["matchLabls: {}", /unknown field; did you mean "matchLabels"\?/],
    [
      "matchExpressions: [{ key: a, operator: in, values: [x] }]",
      /expected one of In, NotIn.*did you mean "In"/,
    ],
    ["matchExpressions: [{ key: a, operator: In }]", /values: In needs a list of values/],
    ["matchExpressions: [{ key: a, operator: Exists, values: [x] }]", /values: Exists takes no values/],
    ["matchExpressions: [{ key: a, operator: In, values: [] }]", /values: must have at least 1 entries/],
    ["matchExpressions: [{ operator: Exists }]", /key: is required/],
    ["matchLabels: { a b: c }", /must be a label's key/],
    ["matchLabels: { a: -b }", /a label's value is made of/],
    ["matchLabels: { a: true }", /expected text, not the boolean true; quote it/],
  ])("that is malformed is refused: %s", (spec, message) => {
    expect(problemsOf(fleet(group("g", `selector: { ${spec} }`)))).toEqual([expect.stringMatching(message)]);
  });
});

describe("the index of groups", () => {
  it("finds exactly the groups that match, in their order, for any groups and labels", () => {
    fc.assert(
      fc.property(fc.array(selector, { maxLength: 12 }), labels, (selectors, on) => {
        const groups = selectors.map((each, index) => ({ index, selector: each }));
        const found = indexGroups(groups, (each) => each.selector).for(on);
        expect(found).toEqual(groups.filter((each) => oracle(each.selector, on)));
      }),
      { numRuns: 2000 },
    );
  });

  it("looks only at groups that ask for one of the device's labels", () => {
    let looked = 0;
    const groups = Array.from({ length: 1000 }, (_, index) => ({
      matchLabels: { site: "s", hall: `h${index}` },
    }));
    const index = indexGroups(groups, (each) => {
      looked++;
      return each;
    });
    looked = 0;
    expect(index.for({ site: "s", hall: "h7", crop: "fern" })).toEqual([groups[7]]);
    expect(looked).toBe(1);
  });
});
