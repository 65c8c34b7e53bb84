// A fleet that is declared in the cluster, kept by a reconciler in a pod of a real node, whose builders run in pods too.
// Told in order: each test goes on where the one before it ended. Skipped where no node or no image can be made.
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../kubernetes/api.ts";
import { RECONCILER } from "../../../model/reconciler-rights.ts";
import { filesFromCluster } from "../../../toolchain/embedded-broker/files-from-cluster.ts";
import { soundFirmware } from "../../builders/support.ts";
import { cluster, device, deviceClass, group } from "../manifests.ts";
import { findMosquitto, freePort, loopbackCertificate, Mosquitto, type Tls } from "../mosquitto.ts";
import { baseEngine } from "./support/debian-base.ts";
import { DeployedReconciler, SYSTEM } from "./support/deployed-reconciler.ts";
import { nodeIsPossible, startTestNode, type TestNode } from "./support/node.ts";
import { loadOwnImage, loadStepsImage } from "./support/steps-image.ts";

const FLEET = "greenhouse";
const WIFI = "hunter2-hunter2";
const DEVICES = ["a", "b", "c", "d"];
const READY = ["wait", "-n", FLEET, "--for=condition=Ready", "--timeout=300s"];

type Secret = KubernetesObject & { data: Record<string, string> };

interface EventObject extends KubernetesObject {
  reason: string;
  involvedObject: { kind: string; name: string; fieldPath?: string };
}

describe.skipIf(!nodeIsPossible || !baseEngine)("a reconciler in a pod", () => {
  let node: TestNode;
  let deployed: DeployedReconciler;
  let configImage: string;
  let tls: Tls;
  let port: number;
  /** Everything that a reconciler's pod said. */
  const said: string[] = [];

  beforeAll(async () => {
    node = await startTestNode();
    configImage = await loadOwnImage(node.target, "nvs");
    [tls, port] = await Promise.all([loopbackCertificate(), freePort()]);
    const firmware = Object.entries(soundFirmware()).map(([name, bytes]) => [`firmware/${name}`, bytes]);
    deployed = await DeployedReconciler.create(node, {
      files: Object.fromEntries(firmware),
      config: { "edgeflock:jobSteps": await loadStepsImage(node.target) },
      secretConfig: { northWifi: WIFI },
    });
    await deployed.deploy(FLEET);
  });
  afterAll(async () => {
    await node?.remove();
    await deployed?.[Symbol.asyncDispose]();
  });

  const member = <T extends { metadata: object }>(document: T) => ({
    ...document,
    metadata: { ...document.metadata, namespace: FLEET },
  });
  const nodeClass = (script: string) =>
    member(
      deviceClass("node", {
        firmware: {
          executor: "kubernetes-job",
          builder: { name: "command", source: "firmware", args: { command: ["/bin/sh", "-c", script] } },
          container: { image: node.shell, memory: "64m" },
        },
        config: {
          builder: { name: "image", image: configImage, executor: "kubernetes-job", memory: "256m" },
        },
      }),
    );
  const north = (ssid: string) =>
    member(
      group("north", "north", {
        settings: { "wifi.ssid": ssid },
        secrets: { "wifi.password": { fromConfig: "northWifi" } },
      }),
    );
  const fleet = () => [
    cluster(FLEET, {
      mqtt: {
        broker: { kind: "mosquitto", host: "127.0.0.1", port },
        ca: tls.certificate,
        topicRoot: "site",
      },
    }),
    nodeClass("cp input/source/* output/"),
    north("hall-north"),
    member(group("south", "south", { secrets: { "wifi.password": { random: { length: 20 } } } })),
    ...DEVICES.map((name) => member(device(name, name < "c" ? "north" : "south"))),
  ];

  const secrets = () => node.api.list<Secret>({ apiVersion: "v1", kind: "Secret", namespace: FLEET });
  const text = (secret: Secret, key: string) => Buffer.from(secret.data[key]!, "base64").toString();

  /** When each device's Secret was written, and what image is in it. */
  async function devices(): Promise<Record<string, string>> {
    const found = (await secrets()).filter(({ metadata }) => metadata.name.endsWith("-device"));
    const rows = found.map(({ metadata, data }) => {
      const digest = createHash("sha256").update(data["config.bin"]!).digest("hex");
      return [metadata.name.replace(/-device$/, ""), `${metadata.resourceVersion} ${digest}`];
    });
    return Object.fromEntries(rows);
  }

  async function login(name: string) {
    const address = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: FLEET, name: `${name}-device` },
    };
    const secret = await node.api.get<Secret>(address);
    return { username: text(secret, "MQTT_USERNAME"), password: text(secret, "MQTT_PASSWORD") };
  }

  /** Names of pods of a Job in which a builder was started. */
  async function builderPods(kind: "firmware" | "config"): Promise<string[]> {
    const events = await node.api.list<EventObject>({ apiVersion: "v1", kind: "Event", namespace: FLEET });
    const started = events.filter(
      ({ reason, involvedObject: { kind, fieldPath = "" } }) =>
        reason === "Started" && kind === "Pod" && fieldPath.includes("{build-0}"),
    );
    const names = started.map(({ involvedObject }) => involvedObject.name);
    return [...new Set(names)].filter((name) => name.startsWith(`${kind}-`));
  }

  /** What `kubectl exec` in the reconciler's pod prints, and what it says of why not. */
  async function inPod(script: string): Promise<string> {
    const words = ["-n", SYSTEM, "exec", await deployed.pod(), "--", "sh", "-c", `{ ${script}; } 2>&1; true`];
    return deployed.kubectl(words);
  }

  it("makes everything Ready that kubectl applies, and builds in pods", async () => {
    await deployed.apply(...fleet());
    const all = ["deviceclasses.edgeflock.io", "devicegroups", "devices.edgeflock.io"];
    await deployed.kubectl(["wait", "--for=condition=Ready", "--timeout=300s", "devicescluster", FLEET]);
    for (const kind of all) await deployed.kubectl([...READY, kind, "--all"]);
    expect(Object.keys(await devices()).sort()).toEqual(DEVICES);
    expect(await builderPods("firmware")).toHaveLength(1);
    expect((await builderPods("config")).length).toBeGreaterThan(0);
  });

  it("runs as nobody in particular, and cannot write into its image", async () => {
    expect(await inPod("id -u")).toBe("65532");
    for (const path of ["/project/x", "/opt/edgeflock/x", "/usr/local/bin/x"]) {
      expect(await inPod(`touch ${path}`)).toContain("Read-only file system");
    }
    // the first process of a container has to bury those that nobody else does
    expect(await inPod("cat /proc/[0-9]*/stat")).not.toMatch(/^\d+ \(.*\) Z /m);
  });

  it("changes exactly the devices of a group that is edited", async () => {
    const before = await devices();
    await deployed.apply(north("hall-north-2"));
    await deployed.kubectl([...READY, "devicegroup/north"]);
    const after = await devices();
    const changed = DEVICES.filter((name) => after[name] !== before[name]);
    expect(changed).toEqual(["a", "b"]);
    expect(await builderPods("firmware")).toHaveLength(1);
  });

  it("takes a deleted device from the cluster and from the broker, which refuses it then", async () => {
    const there = (await findMosquitto()) !== undefined;
    const logins = { c: await login("c"), d: await login("d") };
    const folder = await mkdtemp(join(tmpdir(), "edgeflock-broker-"));
    const files = async () => {
      const { passwordfile, aclfile } = await filesFromCluster(node.api, FLEET);
      return { passwordfile, aclfile };
    };
    const broker = there ? await Mosquitto.start(folder, port, tls, await files()) : undefined;
    try {
      for (const who of Object.values(logins)) await (await broker?.connect(who))?.endAsync();
      await deployed.kubectl(["-n", FLEET, "delete", "device", "d"]);
      await expect.poll(async () => Object.keys(await devices()), { timeout: 120_000 }).not.toContain("d");
      await expect.poll(async () => (await files()).passwordfile, { timeout: 120_000 }).not.toMatch(/^d:/m);
      const { passwordfile, aclfile } = await files();
      expect(passwordfile).toMatch(/^c:/m);
      expect(aclfile).not.toMatch(/^user d$/m);
      await broker?.reload({ passwordfile, aclfile });
      await (await broker?.connect(logins.c))?.endAsync();
      if (broker) await expect(broker.connect(logins.d)).rejects.toThrow(/Not authorized/i);
    } finally {
      await broker?.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("ends what it has begun when its pod is deleted in the middle of an update, and the next pod goes on", async () => {
    const old = await deployed.pod();
    const following = deployed.logs(old, "--follow");
    await deployed.apply(nodeClass("sleep 15; cp input/source/* output/; : another"));
    await expect.poll(() => builderPods("firmware"), { timeout: 120_000 }).toHaveLength(2);
    await deployed.kubectl(["-n", SYSTEM, "delete", "pod", old, "--wait=false"]);
    // a change that only the next one can bring about
    await deployed.apply(north("hall-north-3"));
    said.push(await following);
    await deployed.kubectl([...READY, "deviceclasses.edgeflock.io/node", "devicegroup/north"]);
    const next = await deployed.pod();
    expect(next).not.toBe(old);
    expect(said[0]).toMatch(/update ended (well|stopped)/);
    expect(await deployed.logs(next)).not.toContain("Another update of this stack is under way");
    const places = await deployed.kubectl(["-n", FLEET, "describe", "devices.edgeflock.io", "a"]);
    expect(places).toMatch(/ConfigChanged .*wifi\/ssid/);
    expect(await builderPods("firmware")).toHaveLength(2);
    await deployed.kubectl(["-n", SYSTEM, "rollout", "status", `deployment/${RECONCILER}`, "--timeout=60s"]);
  });

  it("tells no secret: not in what it says, in statuses, Events or ConfigMaps", async () => {
    said.push(await deployed.logs(await deployed.pod()));
    const kinds = "devicesclusters,deviceclasses,devicegroups,devices.edgeflock.io,configmaps,events";
    const objects = await deployed.kubectl(["get", kinds, "--all-namespaces", "-o", "json"]);
    const logins = await Promise.all(["a", "b", "c"].map(login));
    const hidden = [WIFI, deployed.passphrase, deployed.s3.secretAccessKey];
    for (const secret of [...hidden, ...logins.map(({ password }) => password)]) {
      for (const form of [secret, Buffer.from(secret).toString("base64")]) {
        expect(said.join("\n").includes(form)).toBe(false);
        expect(objects.includes(form)).toBe(false);
      }
    }
    // what was looked through is what was meant
    expect(said.join("\n")).toContain("update ended well");
    expect(objects).toContain("hall-north-3");
  });
});
