import { createPrivateKey, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { revokedSerials } from "../../dynamic-providers/authority-config-map.ts";
import { withCertificate } from "../../dynamic-providers/device-certificate.ts";
import type { DevicePayload } from "../../dynamic-providers/device-payload.ts";
import { authoritySeed, certificatePlan, certificateSerial } from "../../model/mqtt-certificates.ts";

const rootKey = Buffer.alloc(32, 7).toString("base64");
const original = { namespace: "gh", name: "a" };
const plan = (generation: number, issued = "2026-11-25") =>
  certificatePlan({ original, generation, username: `a.g${generation}` }, rootKey, { issued, validDays: 30 });
const payload = (generation = 2): DevicePayload => ({
  size: 0x6000,
  entries: [
    { namespace: "mqtt", key: "cert", type: "string", value: "to be made" },
    { namespace: "mqtt", key: "key", type: "string", value: "to be made" },
    { namespace: "wifi", key: "ssid", type: "string", value: "hall" },
  ],
  data: { MQTT_USERNAME: "a.g2" },
  certificate: { ...plan(generation), authority: authoritySeed("greenhouse", rootKey) },
});

describe("a device's certificate", () => {
  it("is made where it is asked for, the same in the Secret and the image, and the same again", async () => {
    const { entries, data } = await withCertificate(payload());
    expect(entries.map(({ value }) => value)).toEqual([data["tls.crt"], data["tls.key"], "hall"]);
    const certificate = new X509Certificate(data["tls.crt"]!);
    expect(certificate.checkPrivateKey(createPrivateKey(data["tls.key"]!))).toBe(true);
    expect(certificate.subject).toBe("CN=a.g2");
    expect([certificate.validFromDate, certificate.validToDate]).toEqual([
      new Date("2026-11-24T00:00:00Z"),
      new Date("2026-12-25T00:00:00Z"),
    ]);
    expect(certificate.serialNumber.toLowerCase()).toBe(certificateSerial(original, 2));
    expect((await withCertificate(payload())).data).toEqual(data);
  });

  it("is not made where nobody asks for one", async () => {
    const { certificate: _, ...without } = payload();
    expect(await withCertificate(without)).toBe(without);
  });

  it("has another key and serial in each generation, and for each device", () => {
    expect(plan(1).seed).not.toBe(plan(2).seed);
    expect(plan(1).serial).not.toBe(plan(2).serial);
    expect(certificateSerial({ namespace: "gh", name: "b" }, 1)).not.toBe(plan(1).serial);
    expect(certificateSerial({ namespace: "old", name: "a" }, 1)).not.toBe(plan(1).serial);
    expect(authoritySeed("x", rootKey).seed).not.toBe(authoritySeed("y", rootKey).seed);
  });

  it("is revoked with its generation, and with its device", () => {
    const record = (generation: number, oldest: number) => ({
      ...{ generation, oldest, declared: 1 },
      issued: "2026-11-25",
    });
    const devices = new Map([
      ["a", record(4, 3)],
      ["b", record(1, 1)],
      ["old/c", record(2, 2)],
    ]);
    const of = (name: string, generation: number, namespace = "gh") =>
      certificateSerial({ namespace, name }, generation);
    expect(revokedSerials({ devices, retired: new Map([["d", 2]]) }, "gh")).toEqual(
      [of("a", 1), of("a", 2), of("c", 1, "old"), of("d", 1), of("d", 2)].sort(),
    );
  });
});
