import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readConfigFile } from "../../builders/config-file.ts";
import { decodeNvs } from "../../builders/nvs/decode.ts";
import { decryptNvs, nvsKeysFromHmac, readKeyPartition } from "../../builders/nvs/encrypt.ts";
import { ownImage } from "../../dynamic-providers/device-image.ts";
import type { DevicePayload } from "../../dynamic-providers/device-payload.ts";
import { deviceSecret } from "../../dynamic-providers/device-secret.ts";

const identity = {
  ...{ device: "cam-001", class: "esp32-cam", cluster: "gh", namespace: "greenhouse" },
  credentials: "cam-001: generation 1 of 2026-11-25, declared 1",
};
const payload: DevicePayload = {
  size: 0x6000,
  entries: [
    { namespace: "edgeflock", key: "device", type: "string", value: "cam-001" },
    { namespace: "edgeflock", key: "config", type: "string", value: "0123456789abcdef" },
    { namespace: "edgeflock", key: "gen", type: "u32", value: "3" },
    { namespace: "mqtt", key: "port", type: "u16", value: "8883" },
    { namespace: "big", key: "n", type: "u64", value: "18446744073709551615" },
    { namespace: "big", key: "raw", type: "blob", value: Buffer.from([0, 255, 1]).toString("base64") },
    { namespace: "wifi", key: "ssid", type: "string", value: 'Halle Süd, "Tor 3"' },
  ],
  data: { MQTT_USERNAME: "cam-001", MQTT_PASSWORD: "p", WIFI_SSID: "Halle Süd" },
};

const secretOf = (of: DevicePayload) => deviceSecret(identity, of, ownImage(of));
const bytesOf = (object: { [field: string]: unknown }, key: string) =>
  Buffer.from((object.data as Record<string, string>)[key]!, "base64");

function decoded(image: Uint8Array) {
  return decodeNvs(image).entries.map(({ namespace, key, type, value }) => ({ namespace, key, type, value }));
}

describe("a device's Secret", () => {
  it("holds a configuration file where its class says so", () => {
    const { object, configDigest } = secretOf({ ...payload, format: "file" });
    const image = bytesOf(object, "config.bin");
    expect(image).toHaveLength(payload.size);
    expect(readConfigFile(image)).toBe(bytesOf(object, "config.csv").toString());
    expect(configDigest).toBe(`sha256:${createHash("sha256").update(image).digest("hex")}`);
  });

  it("holds the credentials, the mapped keys and an image with every entry at its value", () => {
    const { object } = secretOf(payload);
    expect(bytesOf(object, "WIFI_SSID").toString()).toBe("Halle Süd");
    expect(decoded(bytesOf(object, "config.bin"))).toEqual([
      { namespace: "edgeflock", key: "device", type: "string", value: "cam-001" },
      { namespace: "edgeflock", key: "config", type: "string", value: "0123456789abcdef" },
      { namespace: "edgeflock", key: "gen", type: "u32", value: 3 },
      { namespace: "mqtt", key: "port", type: "u16", value: 8883 },
      { namespace: "big", key: "n", type: "u64", value: 18446744073709551615n },
      { namespace: "big", key: "raw", type: "blob", value: new Uint8Array([0, 255, 1]) },
      { namespace: "wifi", key: "ssid", type: "string", value: 'Halle Süd, "Tor 3"' },
    ]);
  });

  it("is named, labelled and annotated as scripts and people rely on", () => {
    const { object, configDigest } = secretOf(payload);
    expect(object.metadata).toMatchObject({
      name: "cam-001-device",
      namespace: "greenhouse",
      labels: {
        "app.kubernetes.io/managed-by": "edgeflock",
        "edgeflock.io/cluster": "gh",
        "edgeflock.io/class": "esp32-cam",
        "edgeflock.io/device": "cam-001",
      },
      annotations: {
        "edgeflock.io/config-digest": configDigest,
        "edgeflock.io/settings-digest": "0123456789abcdef",
        "edgeflock.io/credential-generation": "3",
      },
    });
    expect(configDigest).toBe(
      `sha256:${createHash("sha256").update(bytesOf(object, "config.bin")).digest("hex")}`,
    );
  });

  it("has the same bytes for the same inputs", () => {
    expect(secretOf(payload)).toEqual(secretOf(structuredClone(payload)));
  });

  it("under scheme hmac is encrypted by keys that the eFuse key in nvs-keys.bin gives", () => {
    const key = Buffer.alloc(32, 3);
    const { object } = secretOf({
      ...payload,
      encryption: { scheme: "hmac", key: key.toString("base64") },
    });
    expect(bytesOf(object, "nvs-keys.bin")).toEqual(key);
    const image = bytesOf(object, "config.bin");
    expect(image.includes("cam-001")).toBe(false);
    expect(decoded(decryptNvs(image, nvsKeysFromHmac(key)))).toEqual(
      decoded(bytesOf(secretOf(payload).object, "config.bin")),
    );
  });

  it("under scheme flash is encrypted by the keys of the key partition in nvs-keys.bin", () => {
    const key = Buffer.concat([Buffer.alloc(32, 3), Buffer.alloc(32, 4)]).toString("base64");
    const { object } = secretOf({ ...payload, encryption: { scheme: "flash", key } });
    const file = bytesOf(object, "nvs-keys.bin");
    expect(file).toHaveLength(4096);
    expect(decoded(decryptNvs(bytesOf(object, "config.bin"), readKeyPartition(file)))[0]).toMatchObject({
      key: "device",
    });
  });

  it("says which key is wrong and never the value", () => {
    const entries = [{ namespace: "wifi", key: "channel", type: "u8" as const, value: "hunter2" }];
    expect(() => secretOf({ ...payload, entries })).toThrow(/^(?!.*hunter2).*u8/s);
  });
});
