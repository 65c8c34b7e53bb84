// Boards keep running what they were flashed with, whatever their class has by now.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { packArchive } from "../../../builders/artifact-archive.ts";
import { SBOM } from "../../../builders/sbom.ts";
import { findClasses, showWhich } from "../../../cli/artifacts/which.ts";
import { dropBills, keepBill } from "../../../flash/firmware-bills.ts";
import type { KubernetesApi } from "../../../kubernetes/api.ts";
import { objectLabels } from "../../../model/names.ts";
import { type Stored, StoredObjects } from "../../kubernetes/stored-objects.ts";

const NAMESPACE = "site";
const OWNER = "project/stack/node";
const api = vi.hoisted(() => ({ current: undefined as unknown }));
vi.mock("../../../kubernetes/api.ts", async (original) => ({
  ...(await original<typeof import("../../../kubernetes/api.ts")>()),
  connect: () => Promise.resolve(api.current),
}));

const firmwareWith = (version: string) =>
  packArchive(
    new Map([
      ["app.bin", Buffer.from(version)],
      [SBOM, Buffer.from(JSON.stringify({ components: [{ name: "mbedtls", version }] }))],
    ]),
  );
const digestOf = (archive: Uint8Array) => `sha256:${createHash("sha256").update(archive).digest("hex")}`;
const old = firmwareWith("3.6.2");
const now = firmwareWith("3.6.3");

const lease = (device: string, digest: string, version: string): Stored => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: {
    name: `${device}-board`,
    labels: objectLabels({ cluster: "garden", class: "node", device }),
    annotations: { "edgeflock.io/artifact-digest": digest, "edgeflock.io/firmware-version": version },
  },
  spec: { holderIdentity: "aa:bb" },
});

let objects: StoredObjects;
let server: KubernetesApi;
beforeEach(() => {
  objects = new StoredObjects(NAMESPACE);
  server = objects as unknown as KubernetesApi;
  api.current = objects;
  const digest = digestOf(now);
  const artifact = {
    digest,
    version: "2.0.0",
    files: [],
    store: { kind: "cluster", namespace: NAMESPACE, parts: ["p"] },
  };
  objects.all.push(
    {
      ...{ apiVersion: "v1", kind: "ConfigMap" },
      metadata: { name: "node-flash", labels: objectLabels({ cluster: "garden", class: "node" }) },
      data: { "artifact.json": JSON.stringify(artifact) },
    },
    {
      ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "p" } },
      binaryData: { part: gzipSync(now).toString("base64") },
    },
    ...["fern", "moss"].map((device) => ({
      ...{ apiVersion: "v1", kind: "Secret" },
      metadata: {
        name: `${device}-device`,
        labels: objectLabels({ cluster: "garden", class: "node", device }),
      },
    })),
    lease("fern", digestOf(old), "1.0.0"),
    lease("moss", digest, "2.0.0"),
  );
});
afterEach(() => vi.restoreAllMocks());

const bill = { cluster: "garden", namespace: NAMESPACE, class: "node", owner: OWNER };
const kept = () => objects.all.filter(({ metadata }) => metadata.name.startsWith("node-sbom-")).length;

describe("which devices run a component", () => {
  it("has those whose board still runs what the class has no longer", async () => {
    await keepBill(server, { ...bill, digest: digestOf(old) }, old);
    const { found, unknown } = await findClasses(server, NAMESPACE, {
      component: "mbedtls",
      version: "<3.6.3",
    });
    expect(unknown).toEqual([]);
    expect(found).toEqual([
      {
        ...{ class: "node", digest: digestOf(old), version: "1.0.0", current: false },
        components: [{ name: "mbedtls", version: "3.6.2", purl: null }],
        devices: [{ device: "fern", flashed: "this", digest: digestOf(old) }],
      },
    ]);
    const newest = await findClasses(server, NAMESPACE, { component: "mbedtls", version: "3.6.3" });
    expect(newest.found).toMatchObject([
      {
        current: true,
        devices: [
          { device: "fern", flashed: "other" },
          { device: "moss", flashed: "this" },
        ],
      },
    ]);
  });

  it("names the boards for which nobody knows, rather than saying that there are none", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(console, "log").mockImplementation(() => {});
    await showWhich({ component: "mbedtls", version: "<3.6.3" });
    expect(said.mock.calls.join("\n")).toContain(`Not known for fern: the bill of materials of the firmware`);
  });

  it("keeps what is in a firmware for as long as a board runs it, and no longer", async () => {
    await keepBill(server, { ...bill, digest: digestOf(old) }, old);
    await keepBill(server, { ...bill, digest: digestOf(old) }, old);
    const older = firmwareWith("3.6.1");
    await keepBill(server, { ...bill, digest: digestOf(older) }, older);
    expect(kept()).toBe(2);
    await dropBills(server, NAMESPACE, ["another/stack/node"]);
    await dropBills(server, NAMESPACE, [OWNER], [digestOf(older)]);
    expect(kept()).toBe(2);
    await dropBills(server, NAMESPACE, [OWNER]);
    expect(kept()).toBe(1);
    objects.all.splice(
      objects.all.findIndex(({ metadata }) => metadata.name === "fern-board"),
      1,
    );
    await dropBills(server, NAMESPACE, [OWNER]);
    expect(kept()).toBe(0);
  });
});
