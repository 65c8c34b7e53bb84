import { afterEach, describe, expect, it } from "vitest";
import { EmqxDouble } from "../dynamic-providers/live-broker/emqx-double.ts";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import { recordFlash } from "./rotation.ts";
import { TestProject } from "./test-project.ts";

const projects: TestProject[] = [];
let emqx: EmqxDouble | undefined;
async function newProject(): Promise<TestProject> {
  const project = await TestProject.create();
  projects.push(project);
  return project;
}
afterEach(async () => {
  for (const project of projects.splice(0)) await project[Symbol.asyncDispose]();
  await emqx?.stop();
  emqx = undefined;
});

const SECRET_KEYS = ["MQTT_USERNAME", "MQTT_PASSWORD", "WIFI", "CODE", "PIN", "nvs-keys.bin"];
const mapping = [
  { setting: "wifi.password", secretKey: "WIFI" },
  { setting: "camera.pin", secretKey: "PIN" },
];

function fleet(namespace: string, devices = ["cam-001", "cam-002"]) {
  return [
    cluster(namespace),
    deviceClass("node", {
      security: { nvsEncryption: "flash", flashEncryption: true },
      secrets: { "camera.pin": { random: { length: 12 } } },
      config: { mapping },
    }),
    group("north", "north", { secrets: { "wifi.password": { random: { length: 20 } } } }),
    ...devices.map((name) => device(name, "north", { secrets: { "door.code": { random: { length: 8 } } } })),
  ];
}

async function identity(project: TestProject, name: string): Promise<Record<string, string | undefined>> {
  const secret = (await project.secret(project.id, `${name}-device`))!;
  const csv = secret["config.csv"]?.toString() ?? "";
  return {
    ...Object.fromEntries(SECRET_KEYS.map((key) => [key, secret[key]?.toString("base64")])),
    code: /^code,data,string,(.*)$/m.exec(csv)?.[1],
  };
}

describe("edgeflock adopt", () => {
  it("brings a fleet back whose state was lost, with every credential, after an update by mistake was refused", async () => {
    const project = await newProject();
    await project.manifests(fleet(project.id));
    await project.up();
    const before = [await identity(project, "cam-001"), await identity(project, "cam-002")];
    expect(before[0]).toMatchObject({ "nvs-keys.bin": expect.any(String), code: expect.any(String) });
    const group = await project.secret(project.id, "north-device-group");

    await project.mustPulumi("stack", "rm", "--force", "--preserve-config", "--yes");
    await project.mustPulumi("stack", "init", "test");
    const refused = await project.pulumi("up", "--yes", "--skip-preview");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(/come from another root key[\s\S]*edgeflock adopt/);
    expect(await identity(project, "cam-001")).toEqual(before[0]);

    const preview = await project.edgeflock("adopt", project.id);
    expect(preview.stderr).not.toMatch(/Error/);
    expect(preview.stdout).toContain(
      "Device cam-001: MQTT user and password (user cam-001), from Secret cam-001-device",
    );
    expect(preview.stdout).toContain(
      'DeviceGroup north: the random secret "wifi.password", from Secret north-device-group',
    );
    expect(preview.stdout).toContain('Device cam-002: the random secret "door.code"');
    expect(preview.stdout).toContain("Nothing was changed. Adopt with --yes.");
    expect(preview.stdout).not.toContain(Buffer.from(before[0]!.MQTT_PASSWORD!, "base64").toString());
    expect((await project.edgeflock("adopt", project.id, "--yes")).exitCode).toBe(0);
    await project.up();
    expect([await identity(project, "cam-001"), await identity(project, "cam-002")]).toEqual(before);
    expect(await project.secret(project.id, "north-device-group")).toEqual(group);
    expect(await project.preview()).toEqual([]);
    await project.manifests(fleet(project.id, ["cam-001", "cam-002", "cam-003"]));
    await project.up();
    expect(await identity(project, "cam-001")).toEqual(before[0]);
    expect((await identity(project, "cam-003")).MQTT_PASSWORD).toBeDefined();
  });

  it("takes Secrets made by hand or by pedge: user and password stay, foreign keys too", async () => {
    const project = await newProject();
    const secret = (name: string, ...literals: string[]) =>
      project.kubectl(
        "-n",
        project.id,
        "create",
        "secret",
        "generic",
        name,
        ...literals.map((l) => `--from-literal=${l}`),
      );
    await project.kubectl("create", "namespace", project.id);
    await secret("cam-001", "username=anna", "password=by-hand-1");
    await secret("cam-002-device", "username=cam-two", "password=by-hand-2", "note=theirs");
    await project.manifests(fleet(project.id, ["cam-001", "cam-002", "cam-003"]));

    const refused = await project.pulumi("up", "--yes", "--skip-preview");
    expect(refused.stdout + refused.stderr).toMatch(/was not made by Edgeflock[\s\S]*edgeflock adopt/);
    const json = await project.edgeflock("adopt", project.id, "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      new: expect.arrayContaining(["Device cam-003: MQTT user and password"]),
    });
    expect(json.stdout).not.toContain("by-hand");

    expect((await project.edgeflock("adopt", project.id, "--yes")).exitCode).toBe(0);
    await project.up();
    const one = (await project.secret(project.id, "cam-001-device"))!;
    const two = (await project.secret(project.id, "cam-002-device"))!;
    expect([one.MQTT_USERNAME, one.MQTT_PASSWORD].map(String)).toEqual(["anna", "by-hand-1"]);
    expect([two.MQTT_USERNAME, two.MQTT_PASSWORD].map(String)).toEqual(["cam-two", "by-hand-2"]);
    expect(two.note?.toString()).toBe("theirs");
    expect(await project.preview()).toEqual([]);
  });

  it("leaves what belongs to another stack alone until that is named", async () => {
    const [first, second] = [await newProject(), await newProject()];
    await first.manifests(fleet(first.id, ["cam-001"]));
    await first.up();
    await second.manifests(fleet(first.id, ["cam-001"]));
    const ran = await second.edgeflock("adopt", first.id, "--yes");
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toMatch(
      new RegExp(`belongs to the stack project-${first.id}/test[\\s\\S]*--from project-${first.id}/test`),
    );
    expect(await first.preview()).toEqual([]);
  });

  it("takes over from another stack that is named, with what is outside of the namespace too: users at a live broker, an application's Secret", async () => {
    const [first, second] = [await newProject(), await newProject()];
    emqx = await EmqxDouble.start("key:secret");
    const [place, elsewhere] = [first.id, `${first.id}-home`];
    await first.kubectl("create", "namespace", elsewhere);
    const mqtt = {
      broker: {
        kind: "emqx",
        host: "mqtt.example",
        management: { url: emqx.url, tls: false },
        admin: { username: "key", password: { fromConfig: "brokerAdmin" } },
      },
      topicRoot: "site",
      readers: [{ name: "recorder", secret: { name: "recorder-mqtt", namespace: elsewhere } }],
    };
    const documents = [cluster(place, { mqtt }), ...fleet(place).slice(1)];
    for (const project of [first, second]) {
      await project.mustPulumi("config", "set", "--secret", "brokerAdmin", "secret");
      await project.manifests(documents);
    }
    await first.up();
    const before = [await identity(first, "cam-001"), await identity(first, "cam-002")];
    const marks = () => [...emqx!.rules.values()].map(([mark]) => mark!.topic.split("/")[1]);
    const [old] = marks();
    const ran = await second.edgeflock("adopt", place, "--from", `project-${first.id}/test`, "--yes");
    expect(ran.exitCode, ran.stderr).toBe(0);
    await second.up();
    expect([await identity(first, "cam-001"), await identity(first, "cam-002")]).toEqual(before);
    expect(emqx.users.get("cam-001")!.password).toBe(
      Buffer.from(before[0]!.MQTT_PASSWORD!, "base64").toString(),
    );
    expect([...emqx.users.keys()].sort()).toEqual(["cam-001", "cam-002", "reader_recorder"]);
    expect(new Set(marks()).size).toBe(1);
    expect(marks()[0]).not.toBe(old);
    const reader = (await second.secret(elsewhere, "recorder-mqtt"))!;
    expect(emqx.users.get("reader_recorder")!.password).toBe(reader.MQTT_PASSWORD!.toString());
    expect(await second.preview()).toEqual([]);
    await first.kubectl("delete", "namespace", elsewhere);
  });

  it("refuses amid a rotation what would lock boards out, until they are flashed", async () => {
    const project = await newProject();
    const documents = (generation: number) => [
      cluster(project.id),
      deviceClass("node"),
      device("cam-001", "north", { credentials: { generation } }),
      device("cam-002", "north"),
    ];
    for (const generation of [1, 2]) {
      await project.manifests(documents(generation));
      await project.up();
    }
    await project.mustPulumi("stack", "rm", "--force", "--preserve-config", "--yes");
    await project.mustPulumi("stack", "init", "test");
    const refused = await project.edgeflock("adopt", project.id, "--yes");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout).toContain("Device cam-001: its board may hold generation 1, its Secret has 2");
    expect(refused.stderr).toMatch(
      /older credentials, which nobody knows any more: cam-001\.[\s\S]*--end-older/,
    );
    await recordFlash(project, project.id, "cam-001", 2);
    const adopted = await project.edgeflock("adopt", project.id, "--yes");
    expect(adopted.exitCode, adopted.stderr).toBe(0);
    await project.up();
  });

  it("says what is wrong: a namespace that is not there, or that no manifest declares", async () => {
    const project = await newProject();
    await project.manifests(fleet(project.id));
    expect((await project.edgeflock("adopt", project.id)).stderr).toContain(
      `There is no namespace "${project.id}"`,
    );
    await project.manifests([cluster("elsewhere"), deviceClass("node")]);
    const undeclared = await project.edgeflock("adopt", "default");
    expect(undeclared.stderr).toMatch(
      /No DevicesCluster of this stack has the namespace "default"[\s\S]*elsewhere/,
    );
  });
});
