import { describe, expect, it } from "vitest";
import { changedKeys, deviceNews } from "../../dynamic-providers/device-news.ts";
import type { KubernetesObject } from "../../kubernetes/api.ts";

function secret(
  csv: string,
  data: Record<string, string> = {},
  annotations: Record<string, string> = {},
): KubernetesObject {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const encoded = Object.entries({ "config.csv": csv, "config.bin": csv, ...data }).map(([key, value]) => [
    key,
    base64(value),
  ]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "a-device", namespace: "site", annotations },
    data: Object.fromEntries(encoded),
  };
}
const csv = (password: string, more = "") =>
  `key,type,encoding,value\nwifi,namespace,,\nssid,data,string,hall\npassword,data,string,${password}\n${more}`;

describe("the news of a device", () => {
  it("name the entries and keys that changed, and no value", () => {
    const before = secret(csv("old-secret"), { MQTT_PASSWORD: "one" });
    const now = secret(csv("new-secret", "place,namespace,,\nrow,data,u8,3\n"), { MQTT_PASSWORD: "two" });
    expect(changedKeys(before, now)).toEqual(["place/row", "wifi/password", "MQTT_PASSWORD"]);
    expect(JSON.stringify(deviceNews(before, now))).not.toMatch(/old-secret|new-secret|one|two/);
  });

  it("are none where nothing changed", () => {
    expect(deviceNews(secret(csv("x")), secret(csv("x")))).toEqual([]);
  });

  it("tell of new credentials", () => {
    const generation = (n: number) => ({ "edgeflock.io/credential-generation": String(n) });
    const news = deviceNews(secret(csv("x"), {}, generation(1)), secret(csv("x"), {}, generation(2)));
    expect(news).toMatchObject([
      { reason: "CredentialsRotated", note: expect.stringContaining("Generation 1 → 2") },
    ]);
  });

  it("bear with a Secret that somebody has spoilt", () => {
    expect(changedKeys(secret("no CSV"), secret(csv("x")))).toEqual(["wifi/password", "wifi/ssid"]);
  });
});
