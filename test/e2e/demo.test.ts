// `edgeflock demo` from nothing to a flashed board that says who it is, and away again: what the README shows first. In a
// copy of the checkout, so that the state of the one who runs the tests stays as it is.
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type KubernetesObject } from "../../kubernetes/api.ts";
import { SETTINGS_DIGEST_ANNOTATION } from "../../model/annotations.ts";
import { CHECKOUT } from "./test-project.ts";

const folder = join(CHECKOUT, ".edgeflock", "test-projects", `demo-${process.pid}`);
const state = join(folder, ".edgeflock");

const demo = (...args: string[]) =>
  execa(process.execPath, [join(folder, "bin", "edgeflock.mjs"), "demo", ...args], {
    cwd: folder,
    reject: false,
    stdin: "ignore",
    all: true,
  });

beforeAll(async () => {
  const listed = await execa("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: CHECKOUT,
  });
  const files = listed.stdout
    .split("\n")
    .filter((name) => name !== "node_modules" && existsSync(join(CHECKOUT, name)));
  for (const name of files) await cp(join(CHECKOUT, name), join(folder, name));
  symlinkSync(join(CHECKOUT, "node_modules"), join(folder, "node_modules"));
});
afterAll(async () => {
  if (existsSync(state)) await demo("--destroy");
  await rm(folder, { recursive: true, force: true });
});

// sets up a cluster of its own, and builds the firmware for a cache that may be empty
describe("edgeflock demo", { timeout: 900_000 }, () => {
  it("brings the fleet up, flashes a board that is the device of its manifest, and removes all of it again", async () => {
    const up = await demo();
    expect(up.all).toContain("The fleet is up.");
    expect(up.exitCode).toBe(0);

    const api = await connect({ kubeconfig: join(state, "kubernetes", "kubeconfig") });
    const metadata = { name: "fern-01-device", namespace: "greenhouse" };
    const secret = await api.get<KubernetesObject & { data: Record<string, string> }>({
      apiVersion: "v1",
      kind: "Secret",
      metadata,
    });
    const settings = secret.metadata.annotations?.[SETTINGS_DIGEST_ANNOTATION];
    expect(settings).toMatch(/^[0-9a-f]{16}$/);
    expect(up.all).toMatch(
      new RegExp(`device fern-01, class greenhouse-node, .*config ${settings}, generation 1`),
    );
    const flash = readFileSync(join(state, "virtual-boards", "fern-01.bin"));
    expect(flash.includes(Buffer.from(secret.data["config.bin"] as string, "base64"))).toBe(true);
    expect(up.all).not.toContain(Buffer.from(secret.data.MQTT_PASSWORD as string, "base64").toString());

    const gone = await demo("--destroy");
    expect(gone.all).toContain("Everything that the demo made is gone.");
    expect(gone.exitCode).toBe(0);
    expect(existsSync(join(state, "kubernetes"))).toBe(false);
    expect(existsSync(join(state, "virtual-boards"))).toBe(false);
  });
});
