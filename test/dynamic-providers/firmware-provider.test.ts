// What a class's firmware was stays known when it gets another: boards may still run it.
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { type FirmwareInputs, firmwareProvider } from "../../dynamic-providers/firmware-provider.ts";
import { readBills } from "../../flash/firmware-bills.ts";
import type { KubernetesApi } from "../../kubernetes/api.ts";
import { objectLabels } from "../../model/names.ts";
import { soundFirmware, temporaryCache, writeFiles } from "../builders/support.ts";
import { StoredObjects } from "../kubernetes/stored-objects.ts";

const objects = new StoredObjects("site");
vi.mock("../../dynamic-providers/stack-connection.ts", () => ({
  connectFor: () => Promise.resolve(objects),
}));
vi.mock("../../dynamic-providers/tell.ts", () => ({ tell: () => Promise.resolve(), failedNews: () => ({}) }));

const place = temporaryCache();
const lock = (version: string) =>
  `version = 4\n\n[[package]]\nname = "esp-hal"\nversion = "${version}"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\n`;

describe("a class that gets another firmware", () => {
  it("keeps the bill of materials of the one before, until no board has that and another comes", async () => {
    const source = await writeFiles(join(place.folder, "source"), soundFirmware());
    const inputs = (contentHash: string): FirmwareInputs => ({
      ...{ class: "node", cluster: "garden", namespace: "site", owner: "p/s/node", clusterUid: "u" },
      store: { kind: "directory", path: join(place.folder, "store") },
      firmware: {
        builder: { name: "command", source, args: { command: ["sh", "-c", "cp input/source/* output/"] } },
        chip: "esp32",
        config: { label: "cfg", size: 0x6000 },
      },
      ...{ contentHash, builtFrom: {} },
    });
    await writeFile(join(source, "Cargo.lock"), lock("1.2.0"));
    let { outs } = await firmwareProvider.create(inputs("1"));
    const first = outs.reference;
    const next = async (version: string) => {
      await writeFile(join(source, "Cargo.lock"), lock(version));
      ({ outs } = await firmwareProvider.update!("site/node", outs, inputs(version)));
    };
    const bills = () => readBills(objects as unknown as KubernetesApi, "site");
    objects.all.push({
      ...{ apiVersion: "coordination.k8s.io/v1", kind: "Lease" },
      metadata: {
        name: "fern-board",
        labels: objectLabels({ cluster: "garden", class: "node", device: "fern" }),
        annotations: { "edgeflock.io/artifact-digest": first.digest },
      },
    });
    await next("1.3.0");
    expect(outs.reference.digest).not.toBe(first.digest);
    expect(first.store.kind === "directory" && existsSync(first.store.path)).toBe(false);
    expect((await bills()).get(first.digest)).toContain("pkg:cargo/esp-hal@1.2.0");
    await next("1.4.0");
    await next("1.5.0");
    expect([...(await bills()).values()].map((text) => /esp-hal@([0-9.]+)/.exec(text)![1]).sort()).toEqual([
      "1.2.0",
      "1.4.0",
    ]);
    objects.all.splice(0, 1);
    await next("1.6.0");
    expect((await bills()).has(first.digest)).toBe(false);
    await firmwareProvider.delete!("site/node", outs);
    expect(await bills()).toEqual(new Map());
    expect(await readdir(join(place.folder, "store")).catch(() => [])).toEqual([]);
  });
});
