import { describe, expect, it } from "vitest";
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
