import { describe, expect, it } from "vitest";
import { CLASS, device, problemsOf, stack } from "./manifests.ts";

const cluster = (mqtt: string, kind = "mosquitto") => `apiVersion: edgeflock.io/v1alpha1
kind: DevicesCluster
metadata: { name: greenhouse }
spec:
  namespace: greenhouse
  mqtt:
    broker: { kind: ${kind}, host: mqtt.example }
    topicRoot: greenhouse
    ${mqtt}
`;
const problems = (mqtt: string, kind?: string) =>
  problemsOf(stack(cluster(mqtt, kind), CLASS, device("a"))).map((line) =>
    line.replace(/^f\.yaml:\d+:\d+ /, ""),
  );
const reader = (rest: string, name = "rec") => `{ name: ${name}, secret: { ${rest} } }`;

describe("readers and applications of a broker", () => {
  it("are taken with a Secret of their choosing, in another namespace and under other keys too", () => {
    const secret = "name: home-mqtt, namespace: home, keys: { url: A, username: B, password: C, topic: D }";
    expect(problems(`applications: [${reader(secret)}]`)).toEqual([]);
  });

  it("may not share a name or a Secret", () => {
    expect(problems(`readers: [${reader("name: s")}, ${reader("name: t")}]`)).toEqual([
      'spec.mqtt.readers[1].name: "rec" is taken by readers[0]',
    ]);
    const both = `readers: [${reader("name: s")}]\n    applications: [${reader("name: s")}]`;
    expect(problems(both)).toEqual(['spec.mqtt.applications[0].secret.name: "s" is taken by readers[0]']);
  });

  it("may not take a Secret that is Edgeflock's by its name", () => {
    for (const name of ["cam-001-device", "greenhouse-devices-cluster", "greenhouse-broker-1"]) {
      expect(problems(`readers: [${reader(`name: ${name}`)}]`)).toEqual([
        "spec.mqtt.readers[0].secret.name: ends like a Secret that Edgeflock makes; choose another name",
      ]);
    }
  });

  it("may not map two values to one key, nor none, nor to a key that no Secret can have", () => {
    const keys = (text: string) => problems(`readers: [${reader(`name: s, keys: { ${text} }`)}]`);
    expect(keys("url: A, password: A")[0]).toContain("two values cannot go under one key");
    expect(keys("")[0]).toContain("needs at least one key");
    expect(keys("'url': 'a/b'")[0]).toContain("a key of a Secret is made of letters");
    expect(keys("pasword: A").join()).toContain('did you mean "password"?');
  });

  it("are no matter of ours at an external broker", () => {
    expect(problems(`readers: [${reader("name: s")}]`, "external")).toEqual([
      "spec.mqtt.readers: an external broker's users are made by whoever runs it; remove them",
    ]);
  });

  it.each(["Rec", "a/b", "'#'", "'a\\nuser x'", "+"])(
    "have names that are safe in a line of a file: not %s",
    (name) => {
      expect(problems(`readers: [${reader("name: s", name)}]`)).not.toEqual([]);
    },
  );
});
