// Firmware is built once: with a builder that counts, a real engine, and a store outside of the cluster. And what is in
// that store, by the commands of a person.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BoardLeases } from "../../flash/board-lease.ts";
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import { soundFirmware } from "../builders/support.ts";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import { TestProject } from "./test-project.ts";

const TOKEN = "hunter2-in-the-firmware";
const LOCK = `version = 4

[[package]]
name = "esp-hal"
version = "1.2.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
`;

describe("firmware", () => {
  let project: TestProject;
  let folder: string;
  const builds = async () => (await readFile(join(folder, "count"), "utf8").catch(() => "")).length;

  beforeAll(async () => {
    project = await TestProject.create();
    folder = project.folder;
    Object.assign(project.variables, {
      WIFI: "first-password",
      TOKEN,
      EDGEFLOCK_CACHE: join(folder, "cache"),
    });
    await mkdir(join(folder, "firmware"));
    for (const [name, bytes] of Object.entries(soundFirmware()))
      await writeFile(join(folder, "firmware", name), bytes);
    await writeFile(join(folder, "firmware/Cargo.lock"), LOCK);
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  const counting = (token: boolean, args: object = {}) => ({
    builder: {
      name: "command",
      source: "firmware",
      args: {
        command: [
          "sh",
          "-c",
          `printf x >>"${join(folder, "count")}"; echo compiling; cp input/source/*.bin input/source/*.json output/`,
        ],
        args,
      },
    },
    ...(token && { secrets: ["ota.token"] }),
  });
  const fleet = (options: { interval?: number; args?: object; token?: boolean; classes?: string[] } = {}) => {
    const { interval = 60, args = {}, token = false, classes = ["node", "twin"] } = options;
    return [
      cluster(project.id, { artifacts: { kind: "directory", path: join(folder, "store") } }),
      ...classes.map((name) =>
        deviceClass(name, {
          firmware: counting(token && name === "node", args),
          secrets: { "ota.token": { fromEnv: "TOKEN" }, "wifi.password": { fromEnv: "WIFI" } },
        }),
      ),
      group("north", "north", { settings: { "telemetry.interval": interval } }),
      device("a", "north"),
    ];
  };
  const previewText = async () => {
    const { stdout, stderr } = await project.previewRaw();
    return stdout + stderr;
  };

  it("of two classes that are alike is built once; the preview says that it will be", async () => {
    await project.manifests(fleet());
    expect(await previewText()).toContain("the firmware of class node will be built");
    await project.up();
    expect(await builds()).toBe(1);
    expect(await previewText()).not.toContain("the firmware of class");
    expect(await project.up()).toEqual({});
  });

  it("is not built for a device's setting, nor for a secret that its builder does not read", async () => {
    project.variables.WIFI = "second-password";
    await project.manifests(fleet({ interval: 30 }));
    expect(await previewText()).not.toContain("the firmware of class");
    await project.up();
    expect(await builds()).toBe(1);
  });

  it("says which input changed, and that there is nothing to build where it was built before", async () => {
    await project.manifests(fleet({ args: { board: "b" } }));
    expect(await previewText()).toContain("the firmware of class node will be built; changed: args.board");
    await project.up();
    expect(await builds()).toBe(2);
    await project.manifests(fleet());
    expect(await previewText()).toMatch(
      /the firmware of class node was built already \(cache of this machine\): nothing to build; changed: args.board/,
    );
    await project.up();
    expect(await builds()).toBe(2);
  });

  it("is taken from the store where this machine has not built it", async () => {
    project.variables.EDGEFLOCK_CACHE = join(folder, "another-machine");
    await project.manifests(fleet({ classes: ["node", "twin", "third"] }));
    expect(await previewText()).toContain("the firmware of class third was built already (artefact store)");
    await project.up();
    expect(await builds()).toBe(2);
  });

  it("that was built with a secret lies encrypted in the store, and changes nothing the next time", async () => {
    const before = await builds();
    await project.manifests(fleet({ token: true }));
    await project.up();
    expect(await builds()).toBe(before + 1);
    const sealed = (await readdir(join(folder, "store"))).filter((name) => name.endsWith(".age"));
    expect(sealed).toHaveLength(1);
    expect(await project.preview()).toEqual([]);
    expect(await project.state()).not.toContain(TOKEN);
  });

  it("is listed, exported and cleared up by command", async () => {
    const list = async () => {
      const { stdout, stderr, exitCode } = await project.edgeflock("artifacts", "ls", "--json");
      expect(exitCode, stderr).toBe(0);
      return JSON.parse(stdout) as Record<string, unknown>[];
    };
    const rows = await list();
    expect(rows).toHaveLength(2);
    const node = rows.find((row) => row.class === "node")!;
    expect(node).toMatchObject({ chip: "esp32", version: "1.0.0", secretBearing: true, garbage: false });
    expect(node.usedBy).toMatch(/\/test\/.*node$/);
    const out = join(folder, "exported");
    const exported = await project.edgeflock("artifacts", "export", String(node.digest).slice(0, 30), out);
    expect(exported.exitCode, exported.stderr).toBe(0);
    expect(exported.stderr).toContain("built with a secret");
    expect((await readdir(out)).sort()).toEqual([
      "app.bin",
      "build.log",
      "flasher_args.json",
      "partition-table.bin",
      "provenance.intoto.json",
      "record.json",
      "sbom.cdx.json",
    ]);
    expect(await readFile(join(out, "build.log"), "utf8")).toBe("compiling\n");
    // a class of this fleet that is no more, an hour ago; and one of another Kubernetes
    const mark = (await readdir(join(folder, "store"))).find((name) => name.endsWith(".users"))!;
    const marks = join(folder, "store", mark);
    const place = { ...JSON.parse(await readFile(join(marks, (await readdir(marks))[0]!), "utf8")).place };
    const putAt = "2026-01-01T00:00:00Z";
    const leave = (name: string, user: string, of: object) =>
      writeFile(join(marks, name), JSON.stringify({ user, place: of, putAt }));
    const { createHash } = await import("node:crypto");
    const key = (user: string) => createHash("sha256").update(user).digest("hex").slice(0, 16);
    await leave(key("p/s/gone"), "p/s/gone", { ...place, class: "gone" });
    await leave(key("p/s/far"), "p/s/far", { ...place, clusterUid: "another" });
    const dry = await project.edgeflock("artifacts", "gc");
    expect(dry.stdout).toMatch(/would go .*class gone is gone[\s\S]*Nothing was removed/);
    expect(dry.stdout.match(/would go/g)).toHaveLength(1);
    expect(await list()).toHaveLength(4);
    expect((await project.edgeflock("artifacts", "gc", "--yes")).stdout).toContain("removed");
    expect((await list()).map(({ usedBy }) => usedBy)).toContain("p/s/far");
    expect(await list()).toHaveLength(3);
  });

  it("is found by a library that is in it", async () => {
    const which = (...args: string[]) => project.edgeflock("which", "-n", project.id, ...args);
    const found = await which("--component", "esp-hal", "--version", "<1.3", "--json");
    expect(found.exitCode, found.stderr).toBe(0);
    expect(JSON.parse(found.stdout)).toMatchObject([
      {
        class: "node",
        components: [{ name: "esp-hal", version: "1.2.0", purl: "pkg:cargo/esp-hal@1.2.0" }],
        devices: [{ device: "a", flashed: "none" }],
      },
      { class: "twin", devices: [] },
    ]);
    expect((await which("--component", "esp-hal")).stdout).toMatch(
      /node .*esp-hal 1.2.0 .*a .*not flashed yet/,
    );
    expect((await which("--component", "esp-hal", "--version", ">=2")).stdout).toContain(
      "No class has esp-hal",
    );
  });

  it("is found on the boards that still run it when its class has another", async () => {
    const { api } = project;
    const place = { cluster: project.id, namespace: project.id, class: "node" };
    const leases = new BoardLeases(api, place);
    const { artifact } = await ClusterSource.open(api, project.id, "node");
    await leases.claim("a", "aa:bb:cc:dd:ee:01");
    await leases.record("a", "aa:bb:cc:dd:ee:01", { artifactDigest: artifact.digest, flashedBy: "test" });
    await writeFile(join(folder, "firmware/Cargo.lock"), LOCK.replace("1.2.0", "1.3.0"));
    await project.up();
    const which = async (version: string) => {
      const ran = await project.edgeflock(
        ...["which", "-n", project.id, "--component", "esp-hal", "--version", version, "--json"],
      );
      expect([ran.exitCode, ran.stderr]).toEqual([0, ""]);
      return JSON.parse(ran.stdout) as object[];
    };
    const device = { device: "a", flashed: "this", digest: artifact.digest };
    expect(await which("<1.3")).toMatchObject([{ class: "node", current: false, devices: [device] }]);
    expect(await which("1.3.0")).toMatchObject([
      { class: "node", current: true, devices: [{ device: "a", flashed: "other" }] },
      { class: "twin", current: true },
    ]);
    expect(await project.preview()).toEqual([]);
    // nobody's any more: it goes with the firmware after the next
    await leases.release("a", "aa:bb:cc:dd:ee:01");
    for (const version of ["1.4.0", "1.5.0"]) {
      await writeFile(join(folder, "firmware/Cargo.lock"), LOCK.replace("1.2.0", version));
      await project.up();
    }
    expect(await which("<1.3")).toEqual([]);
    const maps = await api.listMetadata({ apiVersion: "v1", kind: "ConfigMap", namespace: project.id });
    const bills = maps.map(({ metadata }) => metadata.name.replace(/[0-9a-f]{16}$/, ""));
    expect(bills.filter((name) => name.includes("-sbom-"))).toEqual(["node-sbom-", "twin-sbom-"]);
  });
});
