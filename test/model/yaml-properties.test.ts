import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isAlias,
  isCollection,
  isMap,
  LineCounter,
  type Node,
  parseAllDocuments,
  parseDocument,
  stringify,
} from "yaml";
import { loadManifests } from "../../model/load-manifests.ts";
import { ProblemsError } from "../../model/problem.ts";
import { readYaml } from "../../model/read-yaml.ts";
import { device, fleet } from "./manifests.ts";

/** Documents as people (and programs) write them. */
const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(
      "",
      "a",
      "wifi.ssid",
      "x: y",
      "- z",
      "# no comment",
      "yes",
      "1.5",
      "0x1",
      "null",
      "é\n ü",
      " lead",
    ),
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("node"), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      tie("node"),
      { maxKeys: 4 },
    ),
  ),
})).node;

/** Text that is nearly YAML. */
const scrap = fc.constantFrom(
  ...[
    "a",
    "kind: Device",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "---\n",
    "...\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    '"',
    "'",
    "|\n",
    ">-\n",
    "&x ",
    "*x",
  ],
  ...[
    "!!str ",
    "? ",
    "# c",
    "\t",
    "\r\n",
    "\r",
    "%YAML 1.2\n",
    "1",
    "yes",
    "\0",
    "\ufeff",
    "\u2028",
    "é",
    "\ud800",
    "__proto__: 1\n",
    "<<: ",
  ],
);

describe("for any text, reading", () => {
  it("gives the values that another YAML library gives", () => {
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(0, 2, 4),
        (documents, flow) => {
          const text = documents
            .map(
              (each) =>
                `---\n${stringify(each, { collectionStyle: flow ? "any" : "flow", indent: flow || 2 })}`,
            )
            .join("");
          const read = readYaml("f.yaml", text);
          fc.pre(read.problems.length === 0);
          const expected = parseAllDocuments(text).map((each) => (each as { toJS(): unknown }).toJS());
          const isEmpty = (each: unknown) => each === null;
          expect(read.documents.map((each) => each.value).filter((each) => !isEmpty(each))).toEqual(
            expected.filter((each) => !isEmpty(each)).map(withoutMinusZero),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it("finds every value where another YAML library finds it", () => {
    fc.assert(
      fc.property(value, fc.constantFrom(...(["any", "flow"] as const)), (document, collectionStyle) => {
        const text = `# first\n---\n${stringify(document, { collectionStyle })}`;
        const read = readYaml("f.yaml", text);
        fc.pre(read.problems.length === 0 && read.documents.length === 1);
        const lineCounter = new LineCounter();
        const root = parseDocument(text, { lineCounter }).contents as Node;
        for (const [path, node] of nodesBelow(root)) {
          const { line, col } = lineCounter.linePos(node.range![0]);
          expect([path, read.documents[0]!.locate(path, "value")]).toEqual([path, { line, column: col }]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("never throws anything but problems with a place in the text", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(scrap, fc.string()), { maxLength: 30 }), (scraps) => {
        expectProblemsOnly(scraps.join(""));
      }),
      { numRuns: 3000 },
    );
  });

  it("never throws anything but problems for a good stack with something put in, taken out or swapped", () => {
    const good = fleet(device("fern-01", "data: { a.b: 1 }\nsecrets: { c.d: { fromEnv: X } }\nmapping: []"));
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(20), fc.oneof(scrap, fc.string()), (at, length, insert) => {
        expectProblemsOnly(good.slice(0, at) + insert + good.slice(at + length));
      }),
      { numRuns: 2000 },
    );
  });
});

/** Every node with its path, but for empty ones, which stand nowhere. */
function nodesBelow(node: Node | null, path: PropertyKey[] = []): [PropertyKey[], Node][] {
  if (node === null || isAlias(node) || (node.range && node.range[0] === node.range[1])) return [];
  const below: [PropertyKey[], Node][] = [[path, node]];
  if (!isCollection(node)) return below;
  for (const [index, item] of node.items.entries()) {
    if (!isMap(node)) below.push(...nodesBelow(item as Node, [...path, index]));
    else {
      const { key, value } = item as { key: { value: string }; value: Node };
      below.push(...nodesBelow(value, [...path, key.value]));
    }
  }
  return below;
}

function expectProblemsOnly(text: string): void {
  try {
    loadManifests([{ path: "f.yaml", text }]);
  } catch (error) {
    if (!(error instanceof ProblemsError)) throw error;
    const lines = text.split(/\r\n|\n|\r/);
    for (const { line, column, message } of error.problems) {
      expect(lines[line! - 1]).toBeDefined();
      expect(column).toBeGreaterThan(0);
      expect(column).toBeLessThanOrEqual(lines[line! - 1]!.length + 2);
      expect(message).not.toMatch(/undefined|\[object|Invalid input/);
    }
  }
}

function withoutMinusZero(each: unknown): unknown {
  return JSON.parse(JSON.stringify(each));
}
