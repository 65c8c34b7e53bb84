import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { passwordLine } from "../../../builders/mosquitto/password-file.ts";
import { mosquittoSecrets } from "../../../dynamic-providers/broker-secrets.ts";
import { brokerUsers } from "../../../dynamic-providers/broker-users.ts";
import { userCredential } from "../../../model/mqtt-credentials.ts";
import { AedesBroker } from "../../../toolchain/embedded-broker/aedes-broker.ts";
import { ensureCertificates } from "../../../toolchain/embedded-broker/certificates.ts";
import { type BrokerPaths, brokerFiles } from "../../../toolchain/embedded-broker/paths.ts";
import { type Login, OBSERVER, principals, TOPICS } from "../../e2e/broker-fleet.ts";
import { accessMatrix, type TestBroker } from "../../e2e/broker-matrix.ts";
import { freePort } from "../../e2e/mosquitto.ts";

const rootKey = Buffer.alloc(32, 9).toString("base64");
const talks = { commands: true, broadcasts: true };

function users(devices: Record<string, { class: string; groups: string[]; generation?: number }>) {
  const classes = { node: talks, mute: { commands: false, broadcasts: false } };
  return brokerUsers(
    {
      namespace: "ns",
      topicRoot: "site",
      devices,
      classes,
      readers: { recorder: {} },
      applications: { home: {} },
    },
    { rootKey, adopted: {} },
  );
}

const DEVICES = {
  a: { class: "node", groups: ["north"] },
  b: { class: "node", groups: ["south"] },
  c: { class: "node", groups: ["north"] },
  m: { class: "mute", groups: ["south"] },
};

async function write(paths: BrokerPaths, of: ReturnType<typeof users>): Promise<void> {
  const [secret] = await mosquittoSecrets({ cluster: "c", namespace: "ns" }, of, rootKey);
  const data = secret!.data as Record<string, string>;
  const text = (key: string) => Buffer.from(data[key]!, "base64").toString();
  const observer = await passwordLine(OBSERVER.username, OBSERVER.password, Buffer.alloc(12, 7));
  await writeFile(paths.passwordfile, text("passwordfile") + observer);
  await writeFile(paths.aclfile, `${text("aclfile")}user observer\ntopic readwrite #\n`);
}

describe("the small broker that comes with Edgeflock", () => {
  let folder: string;
  let paths: BrokerPaths;
  let broker: AedesBroker;
  let client: TestBroker;
  const known: Record<string, Login> = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
    paths = brokerFiles(folder);
    await ensureCertificates(paths);
    const all = users(DEVICES);
    for (const { username, password } of all) known[username] = { username, password: password() };
    await write(paths, all);
    const port = await freePort();
    broker = await AedesBroker.start(paths, port);
    const ca = await readFile(paths.ca, "utf8");
    client = {
      strict: false,
      // Its retained messages come in their own time.
      lag: 50,
      connect: (options) =>
        connectAsync(
          `mqtts://127.0.0.1:${port}`,
          { protocolVersion: 4, reconnectPeriod: 0, ca, ...options },
          false,
        ),
    };
  });
  afterAll(async () => {
    await broker?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("takes Mosquitto's own files, and lets each do what the model says of it and nothing else", {
    timeout: 240_000,
  }, async () => {
    const stolen = await client.connect(known.c!);
    const closed = new Promise<void>((resolve) => stolen.once("close", () => resolve()));
    const { c: _, ...others } = DEVICES;
    await write(paths, users(others));
    await broker.reload();
    await closed;
    const everybody = principals(
      known,
      userCredential("reader", { namespace: "ns", name: "recorder" }, rootKey),
      userCredential("application", { namespace: "ns", name: "home" }, rootKey),
    );
    const { expected, observed } = await accessMatrix(client, OBSERVER, everybody, TOPICS);
    expect(expected.length).toBeGreaterThan(500);
    expect(observed).toEqual(expected);
  });

  it("keeps a client whose user stayed the same, and its users where the new files are not understood", async () => {
    const stays = await client.connect(known.a!);
    let closed = false;
    stays.once("close", () => {
      closed = true;
    });
    const { c: _, b: __, ...others } = DEVICES;
    await write(paths, users(others));
    await broker.reload();
    await expect(client.connect(known.b!)).rejects.toThrow();
    await writeFile(paths.aclfile, "user a\npattern readwrite site/%u/#\n");
    await expect(broker.reload()).rejects.toThrow(/Line 2 of the broker's ACL file is not understood/);
    await (await client.connect(known.m!)).endAsync();
    expect(closed).toBe(false);
    await stays.endAsync();
  });
});
