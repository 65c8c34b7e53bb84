import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import { type Ran, TestProject } from "./test-project.ts";

const ALL = ["a", "b", "c"];

// One stack and its policies, told in order.
describe("the policy pack", () => {
  let project: TestProject;
  const fleet = (options: { tls?: boolean; names?: string[]; ssid?: string; code?: number } = {}) => {
    const { tls = true, names = ALL, ssid = "hall", code = 16 } = options;
    const mqtt = { broker: { kind: "external", host: "mqtt.example", tls }, topicRoot: "site" };
    return project.manifests([
      cluster(project.id, { mqtt }),
      deviceClass("node"),
      group("north", "north", { settings: { "wifi.ssid": ssid } }),
      ...names.map((name) =>
        device(name, "north", { secrets: { "door.code": { random: { length: code } } } }),
      ),
    ]);
  };
  const preview = () => project.edgeflock("pulumi", "preview", "--non-interactive");
  const said = ({ stdout, stderr }: Ran) => stdout + stderr;
  const passed = (ran: Ran) => expect(ran.exitCode, said(ran)).toBe(0);

  beforeAll(async () => {
    project = await TestProject.create();
    await project.mustPulumi("config", "set", "edgeflock:policies", "policies.yaml");
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  it("refuses what a rule forbids, and says all of it, before anything is made", async () => {
    await project.write("policies.yaml", "{}\n");
    await fleet({ tls: false, code: 8 });
    const ran = await preview();
    expect(ran.exitCode).not.toBe(0);
    expect(said(ran)).toContain(
      "mqtt is at mqtt://mqtt.example:1883, where passwords can be read on the way",
    );
    expect(said(ran)).toContain('the secret "door.code" has 8 characters, not 16.');
    expect(said(ran)).not.toMatch(/\n {4}at /);
    const up = await project.edgeflock("pulumi", "up", "--yes", "--non-interactive");
    expect(up.exitCode).not.toBe(0);
    expect(await project.secret(project.id, "a-device")).toBeUndefined();
  });

  it("lets pass what is waived by name and with a reason, and nothing without", async () => {
    const waivers = (reason: string) =>
      `tls-required:\n  waivers: [{name: ${project.id}, reason: "${reason}"}]\nsecret-length: {characters: 8}\n`;
    await project.write("policies.yaml", waivers("no"));
    const short = await preview();
    expect(short.exitCode).not.toBe(0);
    expect(said(short)).toContain("reason");
    await project.write("policies.yaml", waivers("closed network, ticket 17"));
    const ran = await preview();
    expect(said(ran)).not.toContain("is at mqtt://");
    passed(ran);
  });

  it("lets a fleet's first update make all of it", async () => {
    await project.write(
      "policies.yaml",
      "max-changed-devices: {enforcementLevel: mandatory, devices: 1}\nall: mandatory\n",
    );
    await fleet();
    const up = await project.edgeflock("pulumi", "up", "--yes", "--non-interactive");
    expect(said(up)).toContain("+ ");
    passed(up);
    passed(await preview());
  });

  it("bounds how many devices one update changes, adds and removes", async () => {
    await fleet({ ssid: "another" });
    const ran = await preview();
    expect(ran.exitCode).not.toBe(0);
    expect(said(ran)).toContain(
      `3 devices would change, 1 may at once: ${ALL.map((name) => `${project.id}/${name}`).join(", ")}.`,
    );
    await fleet({ names: ["a", "d"] });
    const exchanged = await preview();
    expect(said(exchanged)).toContain("3 devices would change, 1 may at once");
    await fleet({ names: ["a", "b"] });
    passed(await preview());
  });

  it("is lifted for a stack by its name", async () => {
    await project.write(
      "policies.yaml",
      "max-changed-devices: {enforcementLevel: mandatory, devices: 1, waivers: [{name: test, reason: new Wi-Fi tonight}]}\n",
    );
    await fleet({ ssid: "another" });
    passed(await preview());
  });
});
