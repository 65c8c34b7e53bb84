import { describe, expect, it } from "vitest";
import { checkNvsEncryption } from "../../../builders/nvs/encryption-rules.ts";
import { parsePartitionCsv } from "../../../builders/partitions/index.ts";

const PLAIN = "nvs,data,nvs,0x9000,0x5000,\napp,app,factory,0x10000,1M,\n";
const WITH_KEYS = `${PLAIN}nvs_keys,data,nvs_keys,,0x1000,encrypted\n`;

describe("encrypting the configuration", () => {
  it("by HMAC is fine on chips that have the peripheral, and needs no partition", () => {
    const partitionTable = parsePartitionCsv(PLAIN);
    for (const chip of ["esp32c3", "esp32s3", "esp32c6"]) {
      expect(checkNvsEncryption({ chip, scheme: "hmac", flashEncryption: false, partitionTable })).toEqual(
        [],
      );
    }
  });

  it("by HMAC is refused on the classic ESP32, which has no such peripheral", () => {
    expect(checkNvsEncryption({ chip: "esp32", scheme: "hmac", flashEncryption: true })).toEqual([
      expect.stringMatching(/no HMAC peripheral/),
    ]);
  });

  it("by flash encryption is refused without it: the keys would lie in the clear beside the data", () => {
    expect(checkNvsEncryption({ chip: "esp32", scheme: "flash", flashEncryption: false })).toEqual([
      expect.stringMatching(/in the clear beside the data/),
    ]);
  });

  it("by flash encryption needs an nvs_keys partition that is encrypted itself", () => {
    const check = (csv: string) =>
      checkNvsEncryption({
        chip: "esp32",
        scheme: "flash",
        flashEncryption: true,
        partitionTable: parsePartitionCsv(csv),
      });
    expect(check(WITH_KEYS)).toEqual([]);
    expect(check(PLAIN)).toEqual([expect.stringMatching(/no nvs_keys partition/)]);
    expect(check(WITH_KEYS.replace("encrypted", ""))).toEqual([
      expect.stringMatching(/lacks the flag "encrypted"/),
    ]);
    expect(check(WITH_KEYS.replace("encrypted", "encrypted:readonly"))).toEqual([
      expect.stringMatching(/cannot be readonly/),
    ]);
  });
});
