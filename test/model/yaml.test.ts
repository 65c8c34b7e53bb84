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
import { CLUSTER, device, fleet, load, positionOf, problemsOf } from "./manifests.ts";

function valuesOf(text: string): unknown[] {
  const { documents, problems } = readYaml("f.yaml", text);
  expect(problems).toEqual([]);
  return documents.map((document) => document.value);
}

function refusalOf(text: string): string {
  const { problems } = readYaml("f.yaml", text);
  expect(problems).toHaveLength(1);
  const [{ line, column, path, message }] = problems as [(typeof problems)[number]];
  return `${line}:${column} ${path}: ${message}`;
}

describe("YAML", () => {
  it.each([
    ["an anchor", "a: 1\nb: &x [1]\n", "2:4 b: anchors (&)"],
    ["an alias", "a: 1\nb: *x\n", "2:4 b: aliases (*)"],
    ["a merge key", "a:\n  <<: { b: 1 }\n", "2:3 a: merge keys (<<)"],
    ["a tag", "a: !!binary aGk=\n", "1:4 a: tags (!)"],
    ["a tag of somebody's own", "a: !js/function x\n", "1:4 a: tags (!)"],
    ["a directive", "%YAML 1.1\n---\na: 1\n", "3:1 : YAML directives"],
    ["a key that is there twice", "a: 1\nb: 2\na: 3\n", "3:1 a: is there twice"],
    ["a key that is there twice, once in quotes", 'a: 1\n"a": 3\n', "2:1 a: is there twice"],
    ["a number for a key", "1: a\n", '1:1 : a key must be text; write "1" in quotes'],
    ["true for a key", "true: a\n", '1:1 : a key must be text; write "true" in quotes'],
    ["nothing for a key", ": a\n", '1:1 : a key must be text; write "" in quotes'],
    ["a list for a key", "? [a]\n: b\n", "1:3 : a key must be text, not a list"],
    ["__proto__ for a key", '"__proto__": { a: 1 }\n', '1:1 : "__proto__" is no name'],
    ["yes", "a: yes\n", "1:4 a: yes is true/false to some YAML readers"],
    ["Off", "a: [1, Off]\n", "1:8 a[1]: Off is true/false to some"],
    [
      "a number too large to be exact",
      "a: 18446744073709551615\n",
      "1:4 a: 18446744073709551615 is too large",
    ],
    ["a hexadecimal number too large", "a: 0xffffffffffffffff\n", "1:4 a: 0xffffffffffffffff is too large"],
    ["leading zeros", "a: 0123\n", "1:4 a: 0123 would lose its leading zeros"],
    ["a leading plus", "a: +49\n", '1:4 a: +49 would lose its "+"'],
    ["infinity", "a: -.inf\n", "1:4 a: -.inf is no number that can be stored"],
    ["not a number", "a: .NaN\n", "1:4 a: .NaN is no number"],
    ["a fraction beyond all bounds", "a: 1e999\n", "1:4 a: 1e999 is too large for a number"],
    ["a tab for indentation", "a:\n\tb: 1\n", "2:1 : is not valid YAML"],
    ["a bracket that is not closed", "a: [1, 2\n", ": is not valid YAML"],
    ["a quote that is not closed", 'a: "x\n', ": is not valid YAML"],
    ["NUL", "a: \0\n", "1:4 : is not valid YAML"],
    ["nesting without end", `a: ${"[".repeat(60)}${"]".repeat(60)}\n`, ": is not valid YAML"],
  ])("refuses %s, with its position", (_, text, start) => {
    expect(refusalOf(text)).toContain(start);
  });

  it("refuses a bomb of aliases at once, without building it", () => {
    const levels = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1}, `.repeat(i && 10)}x]`);
    const { documents, problems } = readYaml("f.yaml", `${levels.join("\n")}\n`);
    expect(problems.length).toBeGreaterThan(300);
    expect(JSON.stringify(documents[0]!.value).length).toBeLessThan(10_000);
  });

  it("refuses a file too long to be one", () => {
    expect(refusalOf(`a: ${"x".repeat(33 * 1024 * 1024)}`)).toContain("too long for one file");
  });

  it("reads words as YAML 1.2 does", () => {
    const text =
      "[~, null, '', true, FALSE, 12, -3, 0x6000, 0o17, 1_000, 12:30, 2024-01-01, y, 1.5, -2e3, 0, -0]\n";
    expect(valuesOf(text)).toEqual([
      [
        null,
        null,
        "",
        true,
        false,
        12,
        -3,
        0x6000,
        15,
        "1_000",
        "12:30",
        "2024-01-01",
        "y",
        1.5,
        -2000,
        0,
        0,
      ],
    ]);
  });

  it("keeps a fraction among settings as it is written, and an integer a number", () => {
    const text = fleet(device("fern-01", "data: { a.version: 1.10, a.factor: -2.50e3, a.count: 3 }"));
    expect(load(text).devices[0]!.manifest.spec.data).toEqual({
      "a.version": "1.10",
      "a.factor": "-2.50e3",
      "a.count": 3,
    });
  });

  it("takes a byte order mark, CRLF, empty documents, comments and the end marker", () => {
    const text = `\ufeff# fleet\r\n---\r\n---\r\na: 1\r\nb: "x"\r\n...\r\n---\r\n# nothing\r\n---\r\nc: 2\r\n---\r\n`;
    expect(valuesOf(text)).toEqual([{ a: 1, b: "x" }, { c: 2 }]);
  });

  it("counts lines alike after LF, CRLF and CR", () => {
    for (const ending of ["\n", "\r\n", "\r"]) {
      expect(refusalOf(["a: 1", "b: [1,", "  2]", "c: yes", ""].join(ending))).toMatch(/^4:4 c: yes/);
      const broken = ["a: 1", "---", "b: 2", "---", "c: [", "---", "d: 4"].join(ending);
      expect(readYaml("f.yaml", broken).documents).toHaveLength(3);
    }
  });

  it("goes on after a document that is no YAML", () => {
    const text = `${CLUSTER}---\na: b: c\n---\n${device("fern-01", "dta: 1")}`;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^f.yaml:8:5 is not valid YAML/),
      `f.yaml:${positionOf(text, "dta")} spec.dta: unknown field; did you mean "data"?`,
    ]);
  });
});

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
      expect(lines[line - 1]).toBeDefined();
      expect(column).toBeGreaterThan(0);
      expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 2);
      expect(message).not.toMatch(/undefined|\[object|Invalid input/);
    }
  }
}

function withoutMinusZero(each: unknown): unknown {
  return JSON.parse(JSON.stringify(each));
}
