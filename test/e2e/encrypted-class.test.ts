import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeNvs } from "../../builders/nvs/decode.ts";
import { decryptNvs, nvsKeysFromHmac, readKeyPartition } from "../../builders/nvs/encrypt.ts";
import { cluster, device, deviceClass } from "./manifests.ts";
import { TestProject } from "./test-project.ts";

describe("devices of an encrypted class", () => {
  let project: TestProject;
  const secretOf = async (name: string) => (await project.secret(project.id, `${name}-device`))!;

  beforeAll(async () => {
    project = await TestProject.create();
    await project.manifests([
      cluster(project.id),
      deviceClass("hmac", { chip: "esp32c3", security: { nvsEncryption: "hmac" } }),
      deviceClass("flash", { security: { nvsEncryption: "flash", flashEncryption: true } }),
      device("a", "north", { data: { "place.name": "bench 1" } }, "hmac"),
      device("b", "north", { data: { "place.name": "bench 2" } }, "hmac"),
      device("c", "north", { data: { "place.name": "bench 3" } }, "flash"),
    ]);
    await project.up();
  });
  afterAll(() => project?.[Symbol.asyncDispose]());

  it("have an image that only their own key opens, kept beside it: an eFuse key under hmac", async () => {
    const [a, b] = [await secretOf("a"), await secretOf("b")];
    expect(a["config.bin"]!.includes("bench 1")).toBe(false);
    const entries = decodeNvs(decryptNvs(a["config.bin"]!, nvsKeysFromHmac(a["nvs-keys.bin"]!))).entries;
    expect(entries).toContainEqual(
      expect.objectContaining({ namespace: "place", key: "name", value: "bench 1" }),
    );
    expect(a["nvs-keys.bin"]).not.toEqual(b["nvs-keys.bin"]);
    const withOther = decodeNvs(decryptNvs(a["config.bin"]!, nvsKeysFromHmac(b["nvs-keys.bin"]!)));
    expect(withOther.entries).toEqual([]);
  });

  it("have the image of a key partition under flash, and the class's own table has a partition for it", async () => {
    const c = await secretOf("c");
    expect(c["nvs-keys.bin"]).toHaveLength(4096);
    const entries = decodeNvs(decryptNvs(c["config.bin"]!, readKeyPartition(c["nvs-keys.bin"]!))).entries;
    expect(entries).toContainEqual(
      expect.objectContaining({ namespace: "place", key: "name", value: "bench 3" }),
    );
  });

  it("do not change when nothing changed", async () => {
    expect(await project.preview()).toEqual([]);
  });

  it("are refused where the firmware's partition table has no place for the key", async () => {
    const script = "mkdir -p output && cp input/source/* output/";
    const builder = { name: "command", args: { command: ["sh", "-c", script] }, source: "firmware" };
    const { writePartitionTable, parsePartitionCsv } = await import("../../builders/partitions/index.ts");
    const csv =
      "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\napp0,app,ota_0,0x10000,0x100000\ncfg,data,nvs,0x3d0000,0x6000,readonly\n";
    const table = writePartitionTable(parsePartitionCsv(csv, { file: "partitions.csv" }));
    await project.write("firmware/partition-table.bin", table);
    const args = {
      write_flash_args: [],
      flash_settings: { flash_mode: "keep", flash_size: "keep", flash_freq: "keep" },
      flash_files: { "0x8000": "partition-table.bin" },
      extra_esptool_args: { chip: "esp32" },
    };
    await project.write("firmware/flasher_args.json", JSON.stringify(args));
    await project.manifests([
      cluster(project.id),
      deviceClass("flash", {
        firmware: { builder },
        security: { nvsEncryption: "flash", flashEncryption: true },
      }),
    ]);
    const ran = await project.pulumi("up", "--yes", "--skip-preview");
    expect(ran.exitCode).not.toBe(0);
    expect(`${ran.stdout}${ran.stderr}`).toContain("the partition table has no nvs_keys partition");
  });
});
