import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { buildConfigImages, type ConfigImageRequest } from "../../../builders/config/build-images.ts";
import { type ConfigBuilder, planConfigBuilder } from "../../../builders/config/builder.ts";
import { queueConfigImage } from "../../../builders/config/queue.ts";
import { ownImage } from "../../../dynamic-providers/device-image.ts";
import { configBuilder } from "../../../model/schema-config-builder.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import { pythonEnvironment } from "../../../toolchain/python.ts";
import { temporaryCache, writeFiles } from "../support.ts";

const place = temporaryCache();
const OWN = fileURLToPath(new URL("../../../builders/nvs/build.ts", import.meta.url));
const CLASS = { chip: "esp32", config: { label: "cfg", size: 0x3000, format: "nvs" as const } };
const SECRET = "hunter2-hunter2";

/** As a person's program may be: Espressif's own generator, fed by a script of a few lines. */
const ESPRESSIF = `
import base64, csv, json, os, subprocess, sys
settings = json.load(open("input/settings.json"))
namespace = None
with open("output/config.csv", "w", newline="") as out:
    rows = csv.writer(out, lineterminator="\\n")
    rows.writerow(["key", "type", "encoding", "value"])
    for entry in settings["entries"]:
        if entry["namespace"] != namespace:
            namespace = entry["namespace"]
            rows.writerow([namespace, "namespace", "", ""])
        value = entry["value"] if "value" in entry else open(f"input/secrets/{entry['secret']}").read()
        encoding = "base64" if entry["type"] == "blob" else entry["type"]
        rows.writerow([entry["key"], "data", encoding, value])
subprocess.run([sys.executable, "-m", "esp_idf_nvs_partition_gen", "generate", "output/config.csv",
                "output/config.bin", str(settings["size"])], check=True)
`;

function request(device: string, password = SECRET): ConfigImageRequest {
  return {
    device,
    entries: [
      { namespace: "edgeflock", key: "device", type: "string", value: device, secret: false },
      { namespace: "edgeflock", key: "class", type: "string", value: "node", secret: false },
      { namespace: "mqtt", key: "port", type: "u16", value: "8883", secret: false },
      { namespace: "wifi", key: "password", type: "string", value: password, secret: true },
      { namespace: "wifi", key: "raw", type: "blob", value: "AAEC/w==", secret: false },
    ],
  };
}

function own({ entries }: ConfigImageRequest) {
  const payload = entries.map(({ secret: _, ...entry }) => entry);
  const { image, csv } = ownImage({ size: CLASS.config.size, entries: payload });
  return { image: Buffer.from(image), csv };
}

async function planned(spec: object): Promise<ConfigBuilder> {
  const parsed = configBuilder.parse(spec);
  return (await planConfigBuilder(parsed, CLASS, place.folder))!;
}

/** A builder that is a line of shell; `own` in it makes a right image. */
async function shell(script: string): Promise<ConfigBuilder> {
  const line = script.replaceAll("own", `"${process.execPath}" "${OWN}"`);
  return await planned({ name: "command", command: ["sh", "-c", line] });
}

async function build(builder: ConfigBuilder, ...requests: ConfigImageRequest[]) {
  const results = await buildConfigImages(builder, requests, { projectFolder: place.folder });
  expect(await readdir(join(place.cache, "work"))).toEqual([]);
  return results;
}

async function failure(builder: ConfigBuilder): Promise<VisibleError> {
  const [result] = await build(builder, request("cam-001"));
  if (result?.status !== "rejected" || !(result.reason instanceof VisibleError))
    throw new Error(JSON.stringify(result));
  return result.reason;
}

describe("a configuration image by a program of the user's", () => {
  let python = "";
  beforeAll(async () => {
    ({ python } = await pythonEnvironment("esp-idf-nvs-partition-gen"));
  }, 120_000);

  it("is what the program makes of settings and secrets: of Espressif's generator the same bytes as ours", async () => {
    await writeFiles(place.folder, { "images/make.py": ESPRESSIF });
    const builder = await planned({
      name: "command",
      source: "images",
      command: [python, "input/source/make.py"],
    });
    const [result] = await build(builder, request("cam-001"));
    if (result?.status !== "fulfilled") throw result?.reason;
    expect(result.value.image).toEqual(own(request("cam-001")).image);
    expect(result.value.csv).toContain("port,data,u16,8883");
  });

  it("is built for several devices at once, and one device's failure is its own", async () => {
    const builder = await shell("grep -q cam-002 input/settings.json && exit 3; own");
    const names = ["cam-001", "cam-002", "cam-003"];
    const results = await build(builder, ...names.map((name) => request(name)));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    const reason = (results[1] as PromiseRejectedResult).reason as VisibleError;
    expect(reason.message).toContain("configuration builder of cam-002 failed with exit code 3");
    expect((results[2] as PromiseFulfilledResult<unknown>).value).toEqual(own(request("cam-003")));
  });

  it("is asked for by devices one by one, and comes to each of them", async () => {
    const builder = await shell("own");
    const names = ["cam-001", "cam-002"];
    const where = { namespace: "greenhouse", jobs: () => Promise.reject(new Error("no Jobs here")) };
    const images = await Promise.all(names.map((name) => queueConfigImage(builder, request(name), where)));
    expect(images).toEqual(names.map((name) => own(request(name))));
  });

  it("has its secrets in files, and what the program prints of them is masked", async () => {
    const error = await failure(
      await shell(`cat input/settings.json input/class.json input/secrets/entry-3; exit 1`),
    );
    expect(error.message).toContain('"secret": "entry-3"');
    expect(error.message).toContain('"label": "cfg"');
    expect(error.message).toContain("•••");
    expect(error.message).not.toContain("hunter2");
    const [log = ""] = await readdir(join(place.cache, "logs"));
    expect(await readFile(join(place.cache, "logs", log), "utf8")).not.toContain("hunter2");
  });

  it.each([
    ["without config.bin", "touch output/config.csv", /cam-001: the builder left no output\/config.bin/],
    ["without config.csv", "own; rm output/config.csv", /left no output\/config.csv/],
    ["with an image that is too short", "own; truncate -s 100 output/config.bin", /100 bytes.* 12288/],
    [
      "with an image that is too long",
      "own; truncate -s 4G output/config.bin",
      /4294967296 bytes, at most 12288/,
    ],
    [
      "with an image that is none",
      "own; dd if=/dev/zero of=output/config.bin bs=12288 count=1",
      /no sound NVS image/,
    ],
    [
      "with another device's image",
      "cp input/settings.json tmp/kept; sed -i s/cam-001/cam-666/ input/settings.json; own; mv -f tmp/kept input/settings.json",
      /edgeflock\/device/,
    ],
    ["with a CSV that is no text", "own; printf '\\377' >output/config.csv", /not UTF-8/],
    ["that writes elsewhere", "own; touch stray", /outside of output\/: stray/],
    ["with a link", "own; mv output/config.bin tmp; ln -s ../tmp/config.bin output", /leads out of output/],
  ])("is refused %s", async (_, script, message) => {
    const error = await failure(await shell(script));
    expect(`${error.message}`).toMatch(message);
    expect(error.message).not.toContain("hunter2");
  });

  it("is not waited for longer than its time limit", async () => {
    const spec = {
      name: "command",
      command: ["sh", "-c", "echo started; sleep 1000"],
      timeLimitMinutes: 0.02,
    };
    const error = await failure(await planned(spec));
    expect(error.message).toMatch(
      /builder of cam-001 did not end within 1.2 s and was stopped\.\n {2}started/,
    );
  });

  it("is not made of sources that are no longer those of the preview", async () => {
    await writeFiles(place.folder, { "images/make.sh": "exit 0" });
    const builder = await planned({
      name: "command",
      source: "images",
      command: ["sh", "input/source/make.sh"],
    });
    await writeFiles(place.folder, { "images/make.sh": "exit 1" });
    await expect(build(builder, request("cam-001"))).rejects.toThrow(/images changed while/);
  });
});

describe("what identifies a builder of images", () => {
  const identity = async (spec: object) =>
    (await planned({ name: "command", command: ["make"], ...spec })).identity;

  it("is its command, arguments, variables, toolchain and sources", async () => {
    await writeFiles(place.folder, { "a/make.sh": "1", "b/make.sh": "2" });
    const all = await Promise.all(
      [
        {},
        { command: ["make", "-k"] },
        { args: { salt: 1 } },
        { environment: { A: "b" } },
        { toolchain: "nvs 2" },
        { source: "a" },
        { source: "b" },
      ].map(identity),
    );
    expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(all.length);
  });

  it("is the image's digest, and not how much the container may use", async () => {
    const spec = { name: "image", image: `sha256:${"a".repeat(64)}`, command: undefined };
    expect(await identity(spec)).toEqual(await identity({ ...spec, memory: "1g", timeLimitMinutes: 1 }));
    expect(await identity(spec)).not.toEqual(await identity({ ...spec, image: `sha256:${"b".repeat(64)}` }));
  });

  it("needs its program and sources to be there", async () => {
    await expect(identity({ source: "nowhere" })).rejects.toThrow(
      /spec.config.builder: the source folder .*nowhere/,
    );
    const error = await identity({ command: ["./make.sh"] }).catch((caught: VisibleError) => caught);
    expect(error).toMatchObject({
      message: "spec.config.builder: the builder's command ./make.sh is not in its source folder",
      hint: "set spec.config.builder.source to the folder that holds it",
    });
  });
});
