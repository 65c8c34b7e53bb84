import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import { TestProject } from "./test-project.ts";

interface Names {
  site?: [string, string[]];
  cls?: [string, string[]];
  hall?: [string, string[]];
  cam?: [string, string[]];
}

// One fleet through a chain of renames, told in order.
describe("a rename", () => {
  let project: TestProject;
  let namespace: string;
  const fleet = ({ site, cls, hall, cam }: Names) => {
    const [siteName, siteFormerly] = site ?? [namespace, []];
    const [clsName, clsFormerly] = cls ?? ["node", []];
    const [hallName, hallFormerly] = hall ?? ["north", []];
    const [camName, camFormerly] = cam ?? ["cam-001", []];
    return [
      {
        ...cluster(namespace, {
          formerly: siteFormerly,
          secrets: { "portal.token": { random: { length: 20 } } },
        }),
        metadata: { name: siteName },
      },
      deviceClass(clsName, {
        formerly: clsFormerly,
        security: { nvsEncryption: "flash", flashEncryption: true },
        secrets: { "camera.pin": { random: { length: 12 } } },
      }),
      group(hallName, "north", {
        formerly: hallFormerly,
        secrets: { "wifi.password": { random: { length: 20 } } },
      }),
      device(
        camName,
        "north",
        { formerly: camFormerly, secrets: { "door.code": { random: { length: 8 } } } },
        clsName,
      ),
    ];
  };
  /** Everything secret that a board of this device was flashed with. */
  const identity = async (name: string) => {
    const secret = (await project.secret(namespace, `${name}-device`))!;
    const pick = (key: string) => secret[key]?.toString("base64");
    return [
      "MQTT_USERNAME",
      "MQTT_PASSWORD",
      "MQTT_TOPIC",
      "nvs-keys.bin",
      "PIN",
      "WIFI",
      "CODE",
      "TOKEN",
    ].map(pick);
  };
  const lease = (name: string) => ({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { namespace, name: `${name}-board` },
  });
  const names = async (kind: string) => {
    const found = await project.kubectl(
      "-n",
      namespace,
      "get",
      kind,
      "-o",
      "jsonpath={.items[*].metadata.name}",
    );
    return found.stdout
      .split(" ")
      .filter((name) => name !== "kube-root-ca.crt" && !name.startsWith("artifact-"));
  };
  const mapping = [
    { setting: "camera.pin", secretKey: "PIN" },
    { setting: "wifi.password", secretKey: "WIFI" },
    { setting: "door.code", secretKey: "CODE" },
    { setting: "portal.token", secretKey: "TOKEN" },
  ];
  const declare = async (to: Names) => {
    const documents = fleet(to).map((document) =>
      document.kind === "Device" ? { ...document, spec: { ...document.spec, mapping } } : document,
    );
    await project.manifests(documents);
  };
  let before: (string | undefined)[];

  beforeAll(async () => {
    project = await TestProject.create();
    namespace = project.id;
    await declare({});
    await project.up();
    before = await identity("cam-001");
    expect(before.every((value) => value !== undefined)).toBe(true);
    await project.api.create({
      ...lease("cam-001"),
      metadata: {
        ...lease("cam-001").metadata,
        annotations: { "edgeflock.io/mac": "aa:bb:cc:dd:ee:ff", "edgeflock.io/flashed-by": "anna" },
      },
      spec: { holderIdentity: "aa:bb:cc:dd:ee:ff" },
    } as never);
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  it("of a device is said in the preview, and keeps credentials, user, topic and the board's Lease", async () => {
    await declare({ cam: ["door", ["cam-001"]] });
    const { stdout } = await project.previewRaw("--diff");
    expect(stdout).toMatch(/renamed\s*: "from cam-001"/);
    await project.up();
    expect(await identity("door")).toEqual(before);
    expect(await project.secret(namespace, "cam-001-device")).toBeUndefined();
    const moved = await project.api.get<{ metadata: { annotations: object; labels: object }; spec: object }>(
      lease("door"),
    );
    expect(moved.metadata.annotations).toEqual({
      "edgeflock.io/mac": "aa:bb:cc:dd:ee:ff",
      "edgeflock.io/flashed-by": "anna",
    });
    expect(moved.metadata.labels).toMatchObject({ "edgeflock.io/device": "door" });
    expect(moved.spec).toEqual({ holderIdentity: "aa:bb:cc:dd:ee:ff" });
    expect(await project.api.getOrUndefined(lease("cam-001"))).toBeUndefined();
    const csv = (await project.secret(namespace, "door-device"))!["config.csv"]!.toString();
    expect(csv).toMatch(/^device,data,string,"?door"?$/m);
    expect(await project.preview()).toEqual([]);
  });

  it("can be followed by another", async () => {
    await declare({ cam: ["gate", ["cam-001", "door"]] });
    await project.up();
    expect(await identity("gate")).toEqual(before);
    expect(await project.api.getOrUndefined(lease("gate"))).toBeDefined();
    expect(await names("secrets")).not.toContain("door-device");
    expect(await project.preview()).toEqual([]);
  });

  it("that forgets the oldest name is refused, since the board would be locked out", async () => {
    await declare({ cam: ["gate", ["door"]] });
    const ran = await project.previewRaw();
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stdout + ran.stderr).toMatch(/Device "gate": its MQTT password would become another one/);
    // Nor is the old name taken for a device that is gone, and revoked.
    expect((await project.pulumi("up", "--yes", "--skip-preview")).exitCode).not.toBe(0);
    expect(await identity("gate")).toEqual(before);
  });

  it("of class, group and cluster keeps what derives from them, builds nothing, and leaves nothing behind", async () => {
    await declare({
      cam: ["gate", ["cam-001", "door"]],
      cls: ["board", ["node"]],
      hall: ["outside", ["north"]],
      site: [`${namespace}-site`, [namespace]],
    });
    const steps = await project.preview();
    expect(steps.some(({ urn }) => urn.includes("Firmware"))).toBe(false);
    expect(steps.some(({ op, urn }) => urn.includes("Namespace") && op !== "update")).toBe(false);
    const { stdout } = await project.previewRaw("--diff");
    for (const name of [namespace, "node", "north"])
      expect(stdout).toMatch(new RegExp(`renamed\\s*: "from ${name}"`));
    await project.up();
    expect(await identity("gate")).toEqual(before);
    expect(await names("secrets")).toEqual(
      [
        "board-device-class",
        "gate-device",
        "outside-device-group",
        `${namespace}-site-devices-cluster`,
      ].sort(),
    );
    expect(await names("configmaps")).toEqual(["board-flash", "edgeflock-credentials"]);
    expect(await project.preview()).toEqual([]);
    expect(await project.up()).toEqual({});
  });
});
