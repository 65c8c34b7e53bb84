// What becomes of a device's credentials at any broker: new ones without a lost message, the end of old ones, and of what
// a client was subscribed to.
import type { IClientOptions, MqttClient } from "mqtt";
import { expect } from "vitest";
import { BoardLeases } from "../../flash/board-lease.ts";
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { CONFIG_DIGEST_ANNOTATION } from "../../model/annotations.ts";
import type { Login } from "./broker-fleet.ts";
import type { TestBroker } from "./broker-matrix.ts";
import type { PreviewStep, TestProject } from "./test-project.ts";
import { TirelessBoard } from "./tireless-board.ts";

/** What is said of a device; what is left out stays as the fleet has it. */
export interface DeviceChange {
  spec?: object;
  hall?: string;
}

export interface FleetAtBroker {
  project: TestProject;
  namespace: string;
  broker: TestBroker;
  observer: IClientOptions;
  /** Writes the fleet's manifests with the device changed like this, or without it. */
  declare(name: string, change: DeviceChange | undefined): Promise<void>;
  /** `pulumi up`, and for a broker that reads files what comes after it. Gives what `up` changed. */
  update(): Promise<Record<string, number>>;
  login(name: string): Promise<Login>;
}

/** Records as whoever flashes does that the device's board got its present image. */
export async function recordFlash(
  project: TestProject,
  namespace: string,
  name: string,
  generation: number,
): Promise<void> {
  const address = { apiVersion: "v1", kind: "Secret", metadata: { namespace, name: `${name}-device` } };
  const secret = await project.api.get<KubernetesObject>(address);
  const digest = secret.metadata.annotations![CONFIG_DIGEST_ANNOTATION]!;
  const leases = new BoardLeases(project.api, { cluster: namespace, namespace, class: "node" });
  const mac = "24:0a:c4:00:00:01";
  await leases.claim(name, mac);
  await leases.record(name, mac, { config: { digest, generation }, flashedBy: "test" });
}

/** Whether the broker lets it in. @param name of the device; RabbitMQ binds client ids to it */
export async function lets(broker: TestBroker, name: string, credential: IClientOptions): Promise<boolean> {
  const client = await broker.connect({ ...credential, clientId: `${name}.tried` }).catch(() => undefined);
  client?.on("error", () => undefined);
  await client?.endAsync();
  return client !== undefined;
}

/** Both generations work until the board was flashed; then an update ends the old one. No acknowledged message is lost. */
export async function rotateWithoutLoss(
  { project, namespace, broker, observer: watcher, declare, update, login }: FleetAtBroker,
  name: string,
): Promise<void> {
  const old = await login(name);
  const seen = new Set<string>();
  const observer = await broker.connect(watcher);
  observer.on("message", (_topic, payload) => void seen.add(payload.toString()));
  await observer.subscribeAsync(`site/${name}/#`, { qos: 1 });
  const board = new TirelessBoard(broker, name, old);
  await board.sentMore(20);
  await declare(name, { spec: { credentials: { generation: 2 } } });
  expect((await project.preview()).map(shortly).sort()).toEqual([
    `update Broker ${namespace}`,
    `update Credentials ${namespace}`,
    `update Device ${namespace}/${name}`,
  ]);
  await update();
  const renewed = await login(name);
  expect(renewed.username).toBe(`${name}.g2`);
  const taken = async () => [await lets(broker, name, old), await lets(broker, name, renewed)];
  expect(await taken()).toEqual([true, true]);
  await board.restartWith(renewed);
  expect(await project.preview()).toEqual([]);
  await recordFlash(project, namespace, name, 2);
  // Only now the next update ends the old ones.
  expect(await update()).toEqual({ update: 3 });
  expect(await taken()).toEqual([false, true]);
  await board.sentMore(20);
  await board.stop();
  await allSeen(board.acknowledged, seen);
  await observer.endAsync();
  expect(board.acknowledged.length).toBeGreaterThan(60);
  // What was known of the board may be lost: what was ended stays ended.
  await project.kubectl("-n", namespace, "delete", "lease", `${name}-board`);
  expect(await project.preview()).toEqual([]);
}

/** Those that are on their way get some time; one that is lost never comes. */
async function allSeen(acknowledged: readonly string[], seen: ReadonlySet<string>): Promise<void> {
  const missing = () => acknowledged.filter((message) => !seen.has(message));
  const until = Date.now() + 10_000;
  while (missing().length > 0 && Date.now() < until) await sleep(50);
  expect(missing()).toEqual([]);
}

/**
 * Runs an update that revokes the device while it is connected.
 *
 * @param isThere whether the broker still has its user
 * @returns milliseconds from when the broker was last seen to have the user until the connection was gone
 */
export async function cutOffAfter(
  { update, broker, login, declare }: FleetAtBroker,
  name: string,
  isThere: () => Promise<boolean>,
): Promise<number> {
  const client = await broker.connect({ ...(await login(name)), clientId: name });
  client.on("error", () => undefined);
  const closed = closing(client);
  await declare(name, undefined);
  const updated = update();
  let there = Date.now();
  for (let now = there; await isThere(); now = Date.now()) {
    there = now;
    await sleep(10);
  }
  const at = await closed;
  await updated;
  return at - there;
}

/**
 * A session outlives its connection, and with it what was subscribed: what a client may read no longer must not come by
 * it, whether it subscribed before or not; what it still may read must.
 *
 * @param halls the device's group before, and the one that it gets
 */
export async function losesOldSubscriptions(
  { broker, observer: watcher, declare, update, login }: FleetAtBroker,
  name: string,
  halls: { before: string; after: string },
): Promise<void> {
  const session = { ...(await login(name)), clientId: name, clean: false, protocolVersion: 4 as const };
  const own = `site/${name}/command/led`;
  const filters = [`site/_group/${halls.before}/#`, `site/${name}/command/#`];
  const first = await broker.connect(session);
  await first.subscribeAsync(filters, { qos: 1 });
  await first.endAsync();
  await declare(name, { hall: halls.after });
  await update();
  const observer = await broker.connect(watcher);
  await observer.publishAsync(`site/_group/${halls.before}/mode`, "not for it", { qos: 1 });
  await observer.publishAsync(own, "waits for it", { qos: 1 });
  const heard: string[] = [];
  const second = await broker.connect({ ...session, ...(await login(name)) });
  second.on("message", (topic) => void heard.push(topic));
  await observer.publishAsync(`site/_group/${halls.before}/mode`, "nor this", { qos: 1 });
  await observer.publishAsync(own, "nor lost", { qos: 1 });
  const until = Date.now() + 10_000;
  while (heard.length < 2 && Date.now() < until) await sleep(20);
  await sleep(broker.lag ?? 100);
  expect(heard).toEqual([own, own]);
  await second.endAsync();
  // Leaves no session behind.
  await (await broker.connect({ ...session, clean: true })).endAsync();
  await observer.endAsync();
}

/** `update Device gh/a`. */
function shortly({ op, urn }: PreviewStep): string {
  const [, , type = "", name] = urn.split("::");
  return `${op} ${type.split(":").at(-1)} ${name}`;
}

function closing(client: MqttClient): Promise<number> {
  return new Promise((resolve) => client.once("close", () => resolve(Date.now())));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
