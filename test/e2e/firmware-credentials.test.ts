// The native firmware with the fleet's own credentials, a certificate alone or with a password: flashed by the class's
// script onto a virtual board, it speaks to a real Mosquitto, gets new credentials in the midst of it, and is revoked.
import { join } from "node:path";
import { execa } from "execa";
import type { IClientOptions, MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startVirtualDevice, type VirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { cluster, device, deviceClass } from "./manifests.ts";
import {
  type BrokerFiles,
  findMosquitto,
  freePort,
  loopbackCertificate,
  Mosquitto,
  type Tls,
} from "./mosquitto.ts";
import { TestProject } from "./test-project.ts";

const there = (await findMosquitto()) !== undefined;
if (!there) {
  console.warn('No Mosquitto here, so its tests are skipped: install your system\'s package "mosquitto".');
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
/** Of the test alone: a device that the test's broker lets read and write everything. */
const OBSERVER = "observer";
const BOARD = "fern";

interface Heard {
  topic: string;
  text: string;
  retained: boolean;
  at: number;
}

describe.skipIf(!there).each(["both", "certificate"] as const)(
  "the native firmware where devices prove who they are by: %s",
  (auth) => {
    let project: TestProject;
    let namespace: string;
    let tls: Tls;
    let port: number;
    let broker: Mosquitto;
    let observer: MqttClient;
    let board: VirtualDevice;
    const heard: Heard[] = [];
    /** How much of the broker's log was written before the observer listened. */
    let listenedFrom: number;

    const declare = (spec: object = {}) =>
      project.manifests([
        cluster(namespace, {
          settings: { "telemetry.interval": 1 },
          mqtt: {
            broker: { kind: "mosquitto", host: "127.0.0.1", port },
            topicRoot: "site",
            ca: tls.certificate,
            auth,
          },
        }),
        deviceClass("node", { sensors: [{ name: "board", driver: "system" }] }),
        device(BOARD, "north", spec),
        device(OBSERVER, "north"),
      ]);

    async function files(): Promise<BrokerFiles> {
      const secrets = await project.api.list<{ data: Record<string, string> }>(
        { apiVersion: "v1", kind: "Secret", namespace },
        { labelSelector: `edgeflock.io/broker=${namespace}` },
      );
      const part = (key: string) =>
        secrets.map(({ data }) => Buffer.from(data[key] ?? "", "base64").toString()).join("");
      const metadata = { namespace, name: "edgeflock-mqtt-authority" };
      const { data } = await project.api.get<KubernetesObject & { data: Record<string, string> }>({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata,
      });
      return {
        passwordfile: part("passwordfile"),
        aclfile: `${part("aclfile")}user ${OBSERVER}\ntopic readwrite #\n`,
        certificates: {
          authority: data["ca.crt"]!,
          revoked: data["crl.pem"]!,
          andPassword: auth === "both",
        },
      };
    }
    async function credential(name: string): Promise<IClientOptions> {
      const secret = (await project.secret(namespace, `${name}-device`))!;
      return {
        cert: secret["tls.crt"]!,
        key: secret["tls.key"]!,
        ...(auth === "both" && {
          username: String(secret.MQTT_USERNAME),
          password: String(secret.MQTT_PASSWORD),
        }),
      };
    }
    async function flash(): Promise<void> {
      const scripts = await project.output<Record<string, string>>("flashScripts");
      const ran = await execa("sh", ["-s", "--", BOARD, "--port", board.url, "--yes"], {
        input: scripts.node!,
        env: { ...project.environment, KUBECONFIG: project.kubeconfig },
        reject: false,
      });
      expect(ran.stderr).toMatch(/Done: written/);
    }
    const until = async (what: string, holds: () => boolean, ms = 60_000) => {
      const end = Date.now() + ms;
      while (!holds()) {
        if (Date.now() > end) throw new Error(`not yet: ${what}; the console: ${board.console.join("\n")}`);
        await sleep(10);
      }
    };
    const repliedTo = () => {
      const replies = heard.filter(({ topic }) => topic === `site/${BOARD}/$reply`);
      return new Set(replies.map(({ text }) => (JSON.parse(text) as { command: string }).command));
    };

    beforeAll(async () => {
      project = await TestProject.create();
      namespace = project.id;
      [tls, port] = await Promise.all([loopbackCertificate(), freePort()]);
      await declare();
      await project.up();
      broker = await Mosquitto.start(join(project.folder, "broker"), port, tls, await files());
      observer = await broker.connect({ ...(await credential(OBSERVER)), clientId: OBSERVER });
      observer.on("message", (topic, payload, { retain }) =>
        heard.push({ topic, text: payload.toString(), retained: retain, at: Date.now() }),
      );
      await observer.subscribeAsync(`site/${BOARD}/#`, { qos: 1 });
      listenedFrom = broker.log.length;
      board = await startVirtualDevice({ chip: "esp32", flash: join(project.folder, "board.flash") });
      await flash();
    });
    afterAll(async () => {
      await board?.stop();
      await observer?.endAsync(true);
      await broker?.stop();
      await project?.[Symbol.asyncDispose]();
    });

    it("connects with its own credential, in its own name, and is announced", async () => {
      await board.waitFor(new RegExp(`connected to 127\\.0\\.0\\.1:${port} with TLS as ${BOARD}$`), {
        timeoutMs: 60_000,
      });
      await until("announced", () => heard.some(({ topic }) => topic === `site/${BOARD}/$edgeflock`));
      expect(broker.log).toMatch(/New client connected from .* as fern \(p2, c0, k60, u'fern'\)/);
      // With less than that nobody gets in.
      const { cert: _, key: __, ...withoutCertificate } = await credential(BOARD);
      await expect(broker.connect(withoutCertificate)).rejects.toThrow();
      if (auth === "both") {
        const { cert, key } = await credential(BOARD);
        await expect(broker.connect({ cert: cert!, key: key! })).rejects.toThrow(/[Nn]ot authorized/);
      }
      expect(board.console.join("\n")).not.toMatch(/PRIVATE KEY|BEGIN CERTIFICATE/);
    });

    it("gets new credentials without losing a command that was given or a message that was acknowledged", async () => {
      let commanding = true;
      let given = 0;
      const commands = (async () => {
        for (; commanding; given++) {
          await observer.publishAsync(`site/${BOARD}/command/n-${given}`, "", { qos: 1 });
          await sleep(100);
        }
      })();
      await until("commands answered", () => repliedTo().size > 10);
      await declare({ credentials: { generation: 2 } });
      await project.up();
      await broker.reload(await files());
      await flash();
      await board.waitFor(/connected to .* as fern\.g2$/, { timeoutMs: 60_000 });
      const answered = repliedTo().size;
      await until("commands answered after the flash", () => repliedTo().size > answered + 10);
      // The flash was recorded: now the update ends the old credential, and the new one goes on.
      const since = board.console.length;
      expect(await project.up()).toEqual({ update: 3 });
      await broker.reload(await files());
      const later = repliedTo().size;
      await until("commands answered after the end of the old one", () => repliedTo().size > later + 10);
      expect(board.console.slice(since).join("\n")).not.toMatch(/connection/);
      commanding = false;
      await commands;
      await until("every command answered", () => repliedTo().size >= given);
      const missing = Array.from({ length: given }, (_, index) => `n-${index}`).filter(
        (name) => !repliedTo().has(name),
      );
      expect(missing).toEqual([]);
      expect(given).toBeGreaterThan(50);
    });

    it("has had everything delivered that the broker acknowledged", async () => {
      const counts = (topics: string[]) => {
        const found: Record<string, number> = {};
        for (const topic of topics) found[topic] = (found[topic] ?? 0) + 1;
        return found;
      };
      const log = broker.log.slice(listenedFrom);
      const received = /Received PUBLISH from fern \(d\d, q1, r\d, m\d+, '([^']+)'/g;
      const acknowledged = counts([...log.matchAll(received)].map(([, topic]) => topic!));
      await sleep(500);
      const delivered = counts(heard.map(({ topic }) => topic));
      expect(acknowledged[`site/${BOARD}/board/uptime`]).toBeGreaterThan(5);
      for (const [topic, count] of Object.entries(acknowledged)) {
        expect(delivered[topic] ?? 0, topic).toBeGreaterThanOrEqual(count);
      }
    });

    it("is cut off within a second of its revocation, and does not get in again", async () => {
      await declare({ credentials: { generation: 2 }, disabled: true });
      await project.up();
      const data = await files();
      const since = board.console.length;
      const [start, logged] = [Date.now(), broker.log.length];
      await broker.reload(data);
      if (auth === "both") {
        const ended = () => /Client fern (closed|disconnected)/.test(broker.log.slice(logged));
        await until("the end of its connection", ended, 10_000);
        expect(Date.now() - start).toBeLessThan(1000);
      } else {
        // Mosquitto keeps a connection that came by a certificate, but lets nothing through any longer.
        await observer.publishAsync(`site/${BOARD}/command/n-revoked`, "", { qos: 1 });
        await sleep(4000);
        expect(heard.filter(({ at }) => at >= start + 1000)).toEqual([]);
        expect(repliedTo().has("n-revoked")).toBe(false);
        board.reset();
      }
      await board.waitFor(/no connection to/, { since, timeoutMs: 60_000 });
      expect(heard.filter(({ at }) => at >= start + 1000)).toEqual([]);
    });
  },
);
