import { readdirSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { explainDevice } from "../../model/explain.ts";
import { manifestJsonSchema, manifestJsonSchemaText } from "../../model/json-schema.ts";
import { loadManifests } from "../../model/load-manifests.ts";
import { readManifestFiles } from "../../model/read-manifest-files.ts";
import { CLASS, CLUSTER, device, fleet, group, problemsOf, stack } from "./manifests.ts";

const documents = loadManifests(readManifestFiles("stacks/demo"));
const validate = new Ajv({ allErrors: true }).compile(manifestJsonSchema());

/** Whether every document of a text is right by the JSON Schema. */
function isRight(text: string): boolean {
  return parseAllDocuments(text).every((each) => validate((each as { toJS(): unknown }).toJS()));
}

describe("the demo's manifests", () => {
  it("are one cluster, two classes, two groups and six devices", () => {
    const { clusters, classes, groups, devices } = documents;
    expect([clusters, classes, groups, devices].map((list) => list.length)).toEqual([1, 2, 2, 6]);
  });

  it("take every secret from a generator or the environment, so that the demo asks nobody", () => {
    const manifests = [documents.clusters, documents.classes, documents.groups, documents.devices].flat();
    const sources = manifests.flatMap(({ manifest }) => Object.values(manifest.spec.secrets));
    expect(sources.length).toBeGreaterThan(2);
    for (const source of sources)
      expect(Object.keys(source)).toEqual([expect.stringMatching(/^(random|fromEnv)$/)]);
  });

  it("give every device its Wi-Fi", () => {
    for (const { manifest } of documents.devices) {
      const places = explainDevice(documents, manifest.metadata.name).settings.map(
        ({ nvs }) => nvs && `${nvs.namespace}/${nvs.key}`,
      );
      expect(places).toEqual(expect.arrayContaining(["wifi/ssid", "wifi/password"]));
    }
  });

  it("point editors at the schema beside them", () => {
    for (const file of readdirSync("stacks/demo")) {
      const first = readFileSync(`stacks/demo/${file}`, "utf8").split("\n")[0];
      expect(first).toBe("# yaml-language-server: $schema=../edgeflock.schema.json");
    }
  });
});

describe("the smallest fleet of docs/manifests.md", () => {
  it("is whole", () => {
    const [, text] = /```yaml\n(.*?)```/s.exec(readFileSync("docs/manifests.md", "utf8"))!;
    expect(problemsOf(text!)).toEqual([]);
  });
});

describe("the JSON Schema", () => {
  it("in stacks/ is current (npm run schema -- --output stacks/edgeflock.schema.json)", () => {
    expect(readFileSync("stacks/edgeflock.schema.json", "utf8")).toBe(manifestJsonSchemaText());
  });

  it("accepts the demo and the smallest manifests", () => {
    for (const { text } of readManifestFiles("stacks/demo")) expect(isRight(text)).toBe(true);
    expect(isRight(fleet(group("g", "selector: {}"), device("fern-01")))).toBe(true);
  });

  it.each([
    ["an unknown field", device("d", "dta: {}")],
    ["a missing field", CLASS.replace(/ {2}chip.*\n/, "")],
    ["an unknown kind", device("d").replace("kind: Device\n", "kind: Devcie\n")],
    ["another kind's field", device("d", "selector: {}")],
    ["a literal secret", device("d", "secrets: { a.b: hunter2 }")],
    ["two sources", device("d", "secrets: { a.b: { fromEnv: A, fromConfig: b } }")],
    ["a value of the wrong type", group("g", "selector: {}\npriority: high")],
    ["an unknown chip", CLASS.replace("esp32", "esp99")],
    ["a name that is no DNS label", device("FERN")],
    ["a long NVS key", device("d", "mapping: [{ setting: a.b, key: abcdefghijklmnop }]")],
    ["another version", CLUSTER.replace("v1alpha1", "v2")],
  ])("refuses %s, as loading does", (_, text) => {
    expect(isRight(text)).toBe(false);
    const others = [CLUSTER, CLASS, group("g", "selector: {}"), device("other")];
    expect(problemsOf(stack(...others, text))).not.toEqual([]);
  });

  it("describes fields for people who hover over them", () => {
    const text = JSON.stringify(manifestJsonSchema());
    expect(text.match(/"description"/g)!.length).toBeGreaterThan(30);
  });
});
