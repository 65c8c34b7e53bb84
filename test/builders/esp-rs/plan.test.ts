import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { buildAppImage, parseAppImage, withFlashSize } from "../../../builders/app-image.ts";
import type { FirmwareRequest } from "../../../builders/contract.ts";
import { espRsBuilder } from "../../../builders/esp-rs/builder.ts";
import { searchRiscvRust } from "../../../toolchain/riscv-rust.ts";
import { temporaryCache, writeFiles } from "../support.ts";

const place = temporaryCache();

const request = (changes: Partial<FirmwareRequest> = {}): FirmwareRequest => ({
  builder: { name: "esp-rs" },
  chip: "esp32c3",
  config: { label: "cfg", size: 0x6000 },
  projectFolder: place.folder,
  ...changes,
});

describe("the esp-rs builder", () => {
  it("says everything at once that it cannot build", async () => {
    const plan = espRsBuilder.plan(
      request({
        chip: "esp32",
        config: { label: "cfg", size: 0x20000 },
        encryption: { scheme: "hmac", flashEncryption: false },
        sensors: [{ name: "air", driver: "dht22" }],
      }),
      {},
    );
    await expect(plan).rejects.toThrow(
      /builds for esp32c3, not for esp32; .*no encrypted.*; .*at most 98304 bytes; .*no sensor drivers/,
    );
  });

  it("refuses arguments that it does not have, and versions that no descriptor holds", async () => {
    const builder = { name: "esp-rs", args: { version: "a version", featuers: [] } };
    await expect(espRsBuilder.plan(request({ builder }), {})).rejects.toThrow(
      /args\.version: is made of[\s\S]*featuers/,
    );
  });

  it("leaves an image whole when it changes its flash size", () => {
    const image = buildAppImage({
      chip: "esp32c3",
      flashSize: "2MB",
      flashFrequency: 15,
      segments: [{ address: 0x403cbf10, data: new Uint8Array(64).fill(7) }],
    });
    const changed = withFlashSize(Buffer.concat([image, Buffer.alloc(100, 0xff)]), "16MB", "the bootloader");
    expect(parseAppImage(changed)).toMatchObject({
      flashSize: "16MB",
      flashFrequency: 15,
      size: image.length,
    });
    expect(withFlashSize(changed, "2MB", "the bootloader")).toEqual(image);
    expect(() => withFlashSize(image, "3MB", "x")).toThrow('"3MB" is no flash size');
    image[40]! ^= 1;
    expect(() => withFlashSize(image, "4MB", "the bootloader")).toThrow(/the bootloader checksum is/);
  });
});

/** A Rust that says what it is told to say. */
async function fakeRust(name: string, about: { version: string; parts?: string[] }): Promise<string> {
  const root = join(place.folder, name);
  const rustc = `#!/bin/sh
case "$*" in
  *sysroot*) echo ${root} ;;
  *) printf 'rustc ${about.version}\\nhost: x86_64-unknown-linux-gnu\\nrelease: ${about.version}\\n' ;;
esac
`;
  await writeFiles(root, Object.fromEntries((about.parts ?? []).map((path) => [path, ""])));
  await mkdir(join(root, "bin"), { recursive: true });
  await writeFile(join(root, "bin", "rustc"), rustc, { mode: 0o755 });
  await writeFile(join(root, "bin", "cargo"), `#!/bin/sh\necho cargo ${about.version}\n`, { mode: 0o755 });
  return join(root, "bin");
}
const TARGET = "lib/rustlib/riscv32imc-unknown-none-elf/lib/core";
const SOURCES = "lib/rustlib/src/rust/library/core/Cargo.toml";
const OWN_LINKER = "lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld";
const search = (...folders: string[]) => searchRiscvRust({ PATH: folders.join(":") });
/** With the shell that the fakes are written for, and nothing else. */
async function shell(): Promise<string> {
  const folder = join(place.folder, "shell");
  await mkdir(folder, { recursive: true });
  await symlink("/bin/sh", join(folder, "sh")).catch(() => {});
  return folder;
}

describe("finding a Rust for RISC-V", () => {
  it("prefers one with the target installed, wherever it stands on PATH", async () => {
    const debian = await fakeRust("debian", { version: "1.96.0", parts: [SOURCES, OWN_LINKER] });
    const rustup = await fakeRust("rustup", { version: "1.95.0", parts: [TARGET, OWN_LINKER] });
    expect(await search(await shell(), debian, rustup)).toMatchObject({
      rustc: join(rustup, "rustc"),
      cargo: join(rustup, "cargo"),
      buildLibrary: false,
    });
    const built = await search(await shell(), debian);
    expect(built).toMatchObject({ version: "1.96.0", buildLibrary: true });
    expect(built.identity).toBe(
      "rustc 1.96.0; x86_64-unknown-linux-gnu; cargo 1.96.0; rust-lld; library built along",
    );
  });

  it("says of each Rust what it lacks, and how to get one", async () => {
    const old = await fakeRust("old", { version: "1.80.0", parts: [TARGET, OWN_LINKER] });
    const bare = await fakeRust("bare", { version: "1.96.0" });
    const noLinker = await fakeRust("linkerless", { version: "1.96.0", parts: [SOURCES] });
    const error = await search(await shell(), old, bare, noLinker).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /old\/bin\/rustc is 1\.80\.0; >=1\.95\.0 is needed[\s\S]*with neither the target nor[\s\S]*no linker ld\.lld/,
      ),
      hint: expect.stringContaining("rustup target add riscv32imc-unknown-none-elf"),
    });
    await expect(search(await shell())).rejects.toThrow("there is no rustc on PATH");
  });
});
