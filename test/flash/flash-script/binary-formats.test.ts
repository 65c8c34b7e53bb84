import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configFile } from "../../../builders/config-file.ts";
import { encryptNvs } from "../../../builders/nvs/encrypt.ts";
import type { NvsEntry } from "../../../builders/nvs/entry.ts";
import { generateNvs } from "../../../builders/nvs/generate.ts";
import { generateNvsKeys } from "../../../builders/nvs/keys.ts";
import { renderFlashScript } from "../../../flash/flash-script.ts";
import { INPUT } from "./support/inputs.ts";
import { run, SHELLS } from "./support/shell.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "edgeflock-formats-"));
  // all functions of the script, and none of it run
  const script = renderFlashScript(INPUT);
  writeFileSync(join(folder, "functions.sh"), script.slice(0, script.lastIndexOf('main "$@"')));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function call(shell: readonly string[], name: string, bytes: Uint8Array): Promise<string> {
  writeFileSync(join(folder, "image.bin"), bytes);
  const ran = await run([...shell, "-c", `. ./functions.sh; ${name} image.bin`], { cwd: folder });
  expect(ran.stderr).toBe("");
  return ran.stdout;
}

const text = (namespace: string, key: string, value: string): NvsEntry => ({
  namespace,
  key,
  type: "string",
  value,
});
const filler = (namespace: string, count: number, length: number) =>
  Array.from({ length: count }, (_, index) => text(namespace, `k${index}`, "x".repeat(length)));

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))(
  "under %s, reading a configuration image",
  (_, shell) => {
    it("finds device and class in the namespace edgeflock", async () => {
      const image = generateNvs(
        [text("edgeflock", "device", "cam-001"), text("edgeflock", "class", "esp32-cam")],
        { size: 0x6000 },
      );
      expect(await call(shell, "nvs_identity", image)).toBe("device cam-001\nclass esp32-cam\n");
    });

    it("is not deceived by keys of the same name in other namespaces", async () => {
      const rows = [
        text("other", "device", "cam-666"),
        text("edgeflock", "device", "cam-002"),
        text("third", "device", "cam-777"),
      ];
      expect(await call(shell, "nvs_identity", generateNvs(rows, { size: 0x6000 }))).toBe("device cam-002\n");
    });

    it("finds them behind other pages and beside long values", async () => {
      const rows = [
        ...filler("before", 30, 900),
        text("edgeflock", "device", "a".repeat(56)),
        ...filler("after", 2, 3000),
        text("edgeflock", "class", "c"),
      ];
      expect(await call(shell, "nvs_identity", generateNvs(rows, { size: 0x10000 }))).toBe(
        `device ${"a".repeat(56)}\nclass c\n`,
      );
    });

    it("finds them in a configuration file, whatever its values look like", async () => {
      const rows = [
        text("edgeflock", "device", "cam-001"),
        text("edgeflock", "class", "esp32-cam"),
        text("other", "k", "a\nedgeflock,namespace,,\ndevice,data,string,cam-666"),
      ];
      expect(await call(shell, "file_identity", configFile(rows, 0x6000))).toBe(
        "device cam-001\nclass esp32-cam\n",
      );
    });

    it("finds nothing in an empty image, an encrypted one, or noise", async () => {
      expect(await call(shell, "nvs_identity", new Uint8Array(0x3000).fill(0xff))).toBe("");
      const plain = generateNvs([text("edgeflock", "device", "cam-001")], { size: 0x3000 });
      expect(await call(shell, "nvs_identity", encryptNvs(plain, generateNvsKeys()))).toBe("");
      const noise = Uint8Array.from(
        { length: 0x3000 },
        (_, index) => (index * 7919 + (index >> 5) * 31) & 0xff,
      );
      expect(await call(shell, "nvs_identity", noise)).not.toContain("device");
    });

    it("shows what could be no name as question marks", async () => {
      const image = generateNvs([text("edgeflock", "device", "a\n; rm é")], { size: 0x3000 });
      expect(await call(shell, "nvs_identity", image)).toBe("device a?;?rm???\n");
    });

    it("reads the rows of a partition table up to its checksum", async () => {
      const row = (type: number, subtype: number, offset: number, size: number, label: string) => {
        const bytes = Buffer.alloc(32);
        bytes.writeUInt16LE(0x50aa, 0);
        bytes.set([type, subtype], 2);
        bytes.writeUInt32LE(offset, 4);
        bytes.writeUInt32LE(size, 8);
        bytes.write(label, 12, "latin1");
        return bytes;
      };
      const end = Buffer.alloc(32, 0xff).fill(0xeb, 0, 2);
      const table = Buffer.concat([
        row(1, 2, 0x9000, 0x6000, "cfg"),
        row(0, 0x10, 0x10000, 0x180000, "0123456789abcdef"),
        end,
        Buffer.alloc(3072 - 96, 0xff),
      ]);
      expect(await call(shell, "partition_rows", table)).toBe(
        "1 2 36864 24576 cfg\n0 16 65536 1572864 0123456789abcdef\n",
      );
      expect(await call(shell, "partition_rows", Buffer.alloc(3072, 0xff))).toBe("");
    });
  },
);
