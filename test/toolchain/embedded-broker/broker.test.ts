import { readFile } from "node:fs/promises";
import { connectAsync } from "mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import { passwordLine } from "../../../builders/mosquitto/password-file.ts";
import {
  brokerStatus,
  removeBroker,
  setUsers,
  startBroker,
  stopBroker,
} from "../../../toolchain/embedded-broker/broker.ts";
import { findMosquitto } from "../../../toolchain/embedded-broker/launch.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const PROGRAMS = findMosquitto() ? (["aedes", "mosquitto"] as const) : (["aedes"] as const);

async function files(...names: string[]) {
  const lines = names.map((name) => passwordLine(name, `password of ${name}`, Buffer.alloc(12, 1)));
  return {
    passwordfile: (await Promise.all(lines)).join(""),
    aclfile: names.map((name) => `user ${name}\ntopic readwrite site/${name}/#\n`).join(""),
  };
}

describe("a broker of the project's own", () => {
  it.each(PROGRAMS)(
    "is %s: started once, given users while it runs, and the same again after a stop",
    {
      timeout: 120_000,
    },
    async (program) => {
      const project = temporaryFolder();
      onTestFinished(() => removeBroker(project));
      const first = await startBroker(project, { program });
      expect(first).toMatchObject({ running: true, program });
      expect(first.url).toMatch(/^mqtts:\/\/127\.0\.0\.1:\d+$/);
      expect((await startBroker(project, { program })).pid).toBe(first.pid);
      const ca = await readFile(first.ca, "utf8");
      const connect = (username: string) =>
        connectAsync(
          first.url!,
          { username, password: `password of ${username}`, ca, reconnectPeriod: 0 },
          false,
        );
      await expect(connect("a")).rejects.toThrow();
      expect(await setUsers(project, await files("a", "b"))).toBe(true);
      const client = await eventually(() => connect("a"));
      const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
      expect(await setUsers(project, await files("a", "b"))).toBe(false);
      expect(await setUsers(project, await files("b"))).toBe(true);
      await closed;
      await stopBroker(project);
      expect(await brokerStatus(project)).toMatchObject({ running: false, url: first.url });
      const again = await startBroker(project, { program });
      expect(again.url).toBe(first.url);
      expect(await readFile(again.ca, "utf8")).toBe(ca);
      await (await connect("b")).endAsync();
      await removeBroker(project);
      expect((await brokerStatus(project)).url).toBeUndefined();
    },
  );
});

/** The broker reads its files when it gets to the signal. */
async function eventually<T>(action: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await action();
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
