import { describe, expect, it } from "vitest";
import { describeSpecIssues } from "../../model/check-manifest.ts";
import { type LoadOptions, loadManifests } from "../../model/load-manifests.ts";
import { ProblemsError } from "../../model/problem.ts";
import { deviceSpec } from "../../model/schema.ts";
import { CLASS, CLUSTER, device, fleet, group, load, positionOf, problemsOf, stack } from "./manifests.ts";

/** Expects exactly one problem, at the place of `needle`. */
function expectOne(text: string, needle: string, message: RegExp): void {
  const problems = problemsOf(text);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`f.yaml:${positionOf(text, needle)} `);
  expect(problems[0]).toMatch(message);
}

describe("loading manifests", () => {
  it("gives the four kinds with their defaults, file and line", () => {
    const documents = load(
      fleet(group("north", "selector: { matchLabels: { hall: north } }"), device("fern-01")),
    );
    expect(documents.clusters[0]!.manifest.spec.mqtt.broker.tls).toBe(true);
    expect(documents.clusters[0]!.manifest.spec.artifacts).toEqual({ kind: "cluster" });
    expect(documents.classes[0]!.manifest.spec.config).toEqual({
      builder: { name: "nvs" },
      format: "nvs",
      partition: { label: "cfg", size: 0x6000 },
      mapping: [],
    });
    expect(documents.groups[0]!.manifest.spec.priority).toBe(0);
    expect(documents.devices[0]!.manifest.spec.credentials).toEqual({ generation: 1, keepPrevious: true });
    expect(documents.devices[0]).toMatchObject({ file: "f.yaml", line: 21 });
  });

  it("gives positions of fields for errors that are found later", () => {
    const text = fleet(device("fern-01", "data: { location: bench 4 }"));
    const [first] = load(text).devices;
    const { line, column } = first!.at(["spec", "data", "location"]);
    expect(`${line}:${column}`).toBe(positionOf(text, "bench 4"));
  });

  it("takes documents from several files in any order", () => {
    const documents = loadManifests([
      { path: "a.yaml", text: device("fern-01") },
      { path: "b.yaml", text: stack(CLASS, CLUSTER) },
    ]);
    expect(documents.devices).toHaveLength(1);
  });

  it("reports everything that is wrong in all files at once, in the order of the text", () => {
    const problems = problemsOf({
      "a.yaml": stack(CLUSTER.replace("mosquitto", "mosquito"), "kind: [\n", CLASS.replace("esp32", "esp23")),
      "b.yaml": stack(device("Fern", "dta: {}"), device("fern-02", "secrets: { wifi.password: hunter2 }")),
    });
    expect(problems.map((problem) => problem.replace(/ .*/s, ""))).toEqual([
      "a.yaml:6:27",
      "a.yaml:9:1",
      "a.yaml:14:9",
      "b.yaml:3:19",
      "b.yaml:6:3",
      "b.yaml:13:29",
    ]);
  });

  it("says file, line, column, path, expectation and what was probably meant", () => {
    const text = fleet(device("fern-01", "mappings: []"));
    expect(problemsOf(text)).toEqual([
      `f.yaml:${positionOf(text, "mappings")} spec.mappings: unknown field; did you mean "mapping"?`,
    ]);
  });

  it("counts the problems and shows the first hundred", () => {
    const text = fleet(...Array.from({ length: 120 }, (_, index) => device(`d${index}`, "dta: 1")));
    expect(() => load(text)).toThrow(/… and 20 more\n120 problems$/);
  });
});

describe("a spec that a program wrote", () => {
  it("is refused in the same words", () => {
    const spec = {
      deviceClassReference: { name: "node" },
      mappings: [],
      data: { "a.b": [1] },
      secrets: { "c.d": "hunter2" },
    };
    const issues = deviceSpec.safeParse(spec).error!.issues;
    expect(describeSpecIssues("Device", spec, issues)).toEqual([
      "spec.data.a.b: expected text, a number or true/false, not a list",
      expect.stringMatching(/^spec.secrets.c.d: a secret is never written into a manifest/),
      'spec.mappings: unknown field; did you mean "mapping"?',
    ]);
  });
});

describe("a manifest is refused", () => {
  it("for an unknown kind", () => {
    const text = fleet(device("fern-01").replace("kind: Device\n", "kind: Devcie\n"));
    expectOne(text, "Devcie", /unknown kind "Devcie".*did you mean "Device"\?/);
  });

  it("for another apiVersion", () => {
    const text = fleet(device("fern-01").replace("v1alpha1", "v1"));
    expectOne(text, "edgeflock.io/v1\n", /apiVersion: expected "edgeflock.io\/v1alpha1"/);
  });

  it("for a missing field, at what it is missing from", () => {
    const text = fleet(
      device("fern-01").replace(", labels: { hall: north }", "").replace("name: fern-01", ""),
    );
    expectOne(text, "{  }", /metadata.name: is required: expected text/);
  });

  it("for a value of the wrong type", () => {
    expectOne(fleet(group("g", "selector: []")), "[]", /spec.selector: expected a map, not a list/);
    const text = fleet(device("fern-01", "", "{ row: 5 }"));
    expectOne(text, "5 }", /metadata.labels.row: expected text, not the number 5; quote it/);
  });

  it("for an empty field", () => {
    expectOne(fleet(device("fern-01", "data:")), "data:\n", /spec.data: is empty: expected a map/);
  });

  it("for what is no manifest at all", () => {
    expectOne(stack(CLUSTER, "just text\n"), "just text", /expected a manifest/);
    expect(problemsOf("# nothing but a comment\n")).toEqual(["f.yaml:1:1 holds no manifest"]);
  });

  it.each(["Fern-01", "fern_01", "-fern", "fern-", "fеrn", "fern.01", "../fern", "a b"])(
    "for a name that is no DNS label: %s",
    (name) => {
      const text = fleet(device("NAME").replace("NAME", JSON.stringify(name)));
      expectOne(text, JSON.stringify(name), /metadata.name: must be a DNS label/);
    },
  );

  it("for a name that leaves no room for the endings of its objects", () => {
    expect(problemsOf(fleet(device("d".repeat(56))))).toEqual([]);
    expect(problemsOf(fleet(device("d".repeat(57))))[0]).toMatch(/must have at most 56 characters/);
    expect(problemsOf(CLUSTER.replace("name: greenhouse", `name: ${"c".repeat(48)}`))[0]).toMatch(
      /at most 47/,
    );
  });

  it("for a literal secret, showing the four ways and never the secret", () => {
    const text = fleet(group("g", "selector: {}\nsecrets: { wifi.password: hunter2 }"));
    expectOne(text, "hunter2", /spec.secrets.wifi.password: a secret is never written into a manifest/);
    const [problem] = problemsOf(text);
    for (const way of ["fromConfig", "fromEnv", "fromSecret", "random"]) expect(problem).toContain(way);
    expect(problem).not.toContain("hunter2");
  });

  it("for a secret with no source, two sources or a misspelt one", () => {
    const secret = (source: string) => fleet(device("fern-01", `secrets: { a.b: ${source} }`));
    expectOne(secret("{}"), "{} }", /expected exactly one source/);
    expectOne(secret("{ fromEnv: A, fromConfig: b }"), "{ fromEnv", /expected exactly one source/);
    expectOne(secret("{ fromConfg: b }"), "fromConfg", /unknown field; did you mean "fromConfig"\?/);
    expectOne(secret("{ random: { length: 4 } }"), "4 }", /random.length: must be at least 8/);
    expectOne(secret("{ fromEnv: A=B }"), "A=B", /must be the name of an environment variable/);
  });

  it("for a secret's source among the plain settings", () => {
    const text = fleet(device("fern-01", "data: { a.b: { fromEnv: A } }"));
    expectOne(text, "{ fromEnv", /a source such as fromEnv belongs under "secrets"/);
  });

  it.each([
    ["a b", /a setting's key is made of/],
    ["a..b", /a setting's key is made of/],
    ["a.", /a setting's key is made of/],
    ["../a", /a setting's key is made of/],
    ["а.b", /a setting's key is made of/],
    ["a\\u0000b", /a setting's key is made of/],
    ["constructor", /JavaScript/],
    ["mqtt.host", /Edgeflock's own/],
    ["edgeflock.gen", /Edgeflock's own/],
    ["k".repeat(64), /at most 63 characters/],
  ])("for the setting's key %j", (key, message) => {
    const text = fleet(device("fern-01", `data: { "${key}": 1 }`));
    expectOne(text, `"${key}"`, message);
  });

  it.each(["\\0", "\\u0007", "\\x1b[2J", "\\r", "\\ud800"])(
    "for the character %s in a value",
    (character) => {
      const text = fleet(device("fern-01", `data: { a.b: "x${character}" }`));
      expect(problemsOf(text)).toHaveLength(1);
      expect(problemsOf(text)[0]).toMatch(/^f.yaml:\d+:\d+ .*/);
    },
  );

  it("without letting a hostile field name or kind steer the terminal", () => {
    const text = fleet(`"\\e[31mevil": 1\n${device("fern-01")}`, 'kind: "\\e]0;x\\a"\n');
    const shown = problemsOf(text).join("\n");
    expect(shown).toMatch(/unknown field/);
    expect(shown).toMatch(/unknown kind/);
    expect(shown).not.toMatch(/(?!\n)\p{Cc}/u);
  });

  it("for MQTT topics with wildcards and hosts with a scheme", () => {
    for (const root of ["a/#", "+/a", "$SYS", "/a", "a/", "a//b", "a b"]) {
      expect(problemsOf(CLUSTER.replace("topicRoot: greenhouse", `topicRoot: "${root}"`))[0]).toMatch(
        /topicRoot: must/,
      );
    }
    expect(problemsOf(CLUSTER.replace("mqtt.example", "mqtts://x"))[0]).toMatch(/host: must be a host name/);
  });

  it("for a namespace that is Kubernetes' own, and a DevicesCluster that claims to stand in one", () => {
    expectOne(
      CLUSTER.replace("namespace: greenhouse", "namespace: kube-system"),
      "kube-system",
      /belongs to Kubernetes/,
    );
    const text = CLUSTER.replace("{ name: greenhouse }", "{ name: greenhouse, namespace: a }");
    expectOne(text, "a }", /a DevicesCluster stands in no namespace/);
  });

  it("for a configuration partition that is the firmware's, too small or no whole number of pages", () => {
    const partition = (text: string) => stack(CLUSTER, `${CLASS}  config: { partition: ${text} }\n`);
    expectOne(partition("{ label: nvs }"), "nvs", /belongs to the firmware/);
    expectOne(partition("{ size: 0x2000 }"), "0x2000", /at least three pages/);
    expectOne(partition("{ size: 20000 }"), "20000", /multiple of 0x1000/);
    expect(problemsOf(partition("{ label: conf, size: 0x4000 }"))).toEqual([]);
  });

  it("for encryption that would protect nothing, saying why", () => {
    const security = (chip: string, text: string) =>
      stack(CLUSTER, `${CLASS.replace("esp32", chip)}  security: ${text}\n`);
    expectOne(security("esp32", "{ nvsEncryption: hmac }"), "hmac", /esp32 has no HMAC peripheral/);
    expectOne(security("esp32c3", "{ nvsEncryption: flash }"), "flash", /in the clear beside the data/);
    expect(problemsOf(security("esp32c3", "{ nvsEncryption: hmac }"))).toEqual([]);
    expect(problemsOf(security("esp32", "{ nvsEncryption: flash, flashEncryption: true }"))).toEqual([]);
  });

  it("for sources outside the project", () => {
    for (const path of ["/etc", "../x", "a/../../b"]) {
      const text = stack(CLUSTER, CLASS.replace("name: native", `name: native, source: ${path}`));
      expectOne(text, path, /must be a folder inside the project/);
    }
  });

  it("for a misspelt choice, with the nearest", () => {
    const text = CLUSTER.replace("spec:", "spec:\n  artifacts: { kind: clustr }");
    expectOne(text, "clustr", /expected one of cluster, directory, s3, oci; did you mean "cluster"\?/);
    expectOne(stack(CLUSTER, CLASS.replace("esp32", "esp32-c3")), "esp32-c3", /did you mean "esp32c3"\?/);
  });

  it("with the field's name of this kind for one of another kind", () => {
    expectOne(fleet(device("fern-01", "settings: {}")), "settings", /unknown field; did you mean "data"\?/);
  });

  it("for a builder that there is not, where the builders are known", () => {
    const files = [{ path: "f.yaml", text: stack(CLUSTER, CLASS.replace("native", "nativ")) }];
    expect(() => loadManifests(files, { firmwareBuilders: ["native", "prebuilt"] })).toThrow(
      /did you mean "native"/,
    );
  });

  it("for a sensor that the class's builder has no driver for, where it stands", () => {
    const sensors = 'sensors: [{ name: wind, driver: vane, unit: "m/s" }]';
    const text = stack(CLUSTER, CLASS.replace("spec:", `spec:\n  ${sensors}`));
    const load = (sensorProblem: LoadOptions["sensorProblem"]) =>
      loadManifests([{ path: "f.yaml", text }], sensorProblem ? { sensorProblem } : {});
    expect(() => load(undefined)).not.toThrow();
    expect(() => load(({ name }, { driver }) => `${name} has no driver "${driver}"`)).toThrow(
      /^f\.yaml:\d+:\d+ spec\.sensors\[0\]\.driver: \w+ has no driver "vane"/,
    );
  });

  it("once, with an error that a person can mend", () => {
    expect(() => load("a: 1")).toThrow(ProblemsError);
  });
});
