import { describe, expect, it } from "vitest";
import { parseFlasherArgs, writeFlasherArgs } from "../../builders/flasher-args.ts";
import { ProblemsError } from "../../model/problem.ts";

/** As ESP-IDF 5 writes it for its "hello_world" with two OTA slots. */
const IDF = `{
    "write_flash_args" : [ "--flash_mode", "dio", "--flash_size", "4MB", "--flash_freq", "40m" ],
    "flash_settings" : { "flash_mode": "dio", "flash_size": "4MB", "flash_freq": "40m" },
    "flash_files" : {
        "0x1000" : "bootloader/bootloader.bin",
        "0x20000" : "hello_world.bin",
        "0x8000" : "partition_table/partition-table.bin",
        "0x10000" : "ota_data_initial.bin"
    },
    "bootloader" : { "offset" : "0x1000", "file" : "bootloader/bootloader.bin", "encrypted" : "false" },
    "app" : { "offset" : "0x20000", "file" : "hello_world.bin", "encrypted" : "false" },
    "partition-table" : { "offset" : "0x8000", "file" : "partition_table/partition-table.bin", "encrypted" : "false" },
    "otadata" : { "offset" : "0x10000", "file" : "ota_data_initial.bin", "encrypted" : "true" },
    "extra_esptool_args" : { "after"  : "hard_reset", "before" : "default_reset", "stub"   : true, "chip"   : "esp32" }
}`;

const problemsOf = (text: string): string[] => {
  try {
    parseFlasherArgs(text);
  } catch (error) {
    if (error instanceof ProblemsError)
      return error.problems.map((one) => `${one.line} ${one.path} ${one.message}`);
    throw error;
  }
  return [];
};

describe("flasher_args.json", () => {
  it("of ESP-IDF is read, files by offset", () => {
    expect(parseFlasherArgs(IDF)).toEqual({
      chip: "esp32",
      mode: "dio",
      frequency: "40m",
      size: "4MB",
      files: [
        { offset: 0x1000, path: "bootloader/bootloader.bin", name: "bootloader", encrypted: false, line: 5 },
        {
          offset: 0x8000,
          path: "partition_table/partition-table.bin",
          name: "partition-table",
          encrypted: false,
          line: 7,
        },
        { offset: 0x10000, path: "ota_data_initial.bin", name: "otadata", encrypted: true, line: 8 },
        { offset: 0x20000, path: "hello_world.bin", name: "app", encrypted: false, line: 6 },
      ],
    });
  });

  it("is read in the newer spelling too, and with settings only among the arguments", () => {
    const text = JSON.stringify({
      "write-flash-args": ["--flash-mode", "qio", "--flash-size", "8MB", "--flash-freq", "80m"],
      "flash-files": { 65536: "app.bin" },
      "extra-esptool-args": { chip: "ESP32-C3" },
    });
    const args = parseFlasherArgs(text);
    expect(args).toMatchObject({ chip: "esp32c3", mode: "qio", frequency: "80m", size: "8MB" });
    expect(args.files).toMatchObject([{ offset: 0x10000, path: "app.bin", encrypted: false }]);
  });

  it("is read as it was written", () => {
    const files = [
      { offset: 0x10000, path: "app.bin", name: "app" },
      { offset: 0x8000, path: "t.bin" },
    ];
    const args = parseFlasherArgs(
      writeFlasherArgs({ chip: "esp32", mode: "keep", frequency: "keep", size: "keep", files }),
    );
    expect(args.files.map(({ offset, path, name }) => ({ offset, path, ...(name && { name }) }))).toEqual([
      files[1],
      files[0],
    ]);
  });

  it("with many mistakes names them all, by line and path", () => {
    const text = `{
      "flash_files": {
        "0x1001g": "a.bin",
        "0x8000": "../../etc/passwd",
        "0x9000": "a b;rm -rf .bin",
        "0xa000": "-n",
        "0xb000": 7,
        "0x10000": "app.bin"
      },
      "app": { "offset": "0x20000", "file": "app.bin", "encrypted": "maybe" },
      "boot": { "offset": "0x1000", "file": "gone.bin" },
      "flash_settings": []
    }`;
    expect(problemsOf(text)).toEqual([
      "1 flash_settings has to be an object",
      "1 extra_esptool_args.chip is missing",
      "3 flash_files.0x1001g is no offset such as 0x10000",
      expect.stringMatching(/^4 flash_files.0x8000 has a path that is not made of/),
      expect.stringMatching(/^5 flash_files.0x9000 has a path/),
      expect.stringMatching(/^6 flash_files.0xa000 has a path/),
      "7 flash_files.0xb000 has to be the path of a file",
      "10 app.offset is 0x20000, but flash_files has 0x10000",
      "11 boot.file names a file that flash_files does not have",
    ]);
  });

  it("refuses an offset that is there twice, and a flag that is neither true nor false", () => {
    const twice = `{"flash_files": {"0x1000": "a.bin",\n "0x1000": "b.bin"}, "extra_esptool_args": {"chip": "esp32"}}`;
    expect(problemsOf(twice)).toEqual([expect.stringContaining("Map keys must be unique")]);
    const flag = `{"flash_files": {"0x1000": "a.bin"}, "x": {"offset": "0x1000", "file": "a.bin", "encrypted": "no"},
      "extra_esptool_args": {"chip": "esp32"}}`;
    expect(problemsOf(flag)).toEqual(['1 x.encrypted has to be "true" or "false"']);
  });

  it.each(["", "{", "[]", "null", '{"flash_files": {}}', "chip: esp32"])("refuses %j", (text) => {
    expect(problemsOf(text)).not.toEqual([]);
  });
});
