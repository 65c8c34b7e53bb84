// ESP-IDF's second-stage bootloader, from the crate espflash, which carries one for each chip: got by cargo as any
// crate, by the checksums of bootloaders/Cargo.lock. Starts cargo; reads the file that it unpacked.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { VisibleError } from "../../model/visible-error.ts";
import { cargoLibraries, type Library } from "../libraries.ts";

const MANIFEST = join(dirname(fileURLToPath(import.meta.url)), "bootloaders", "Cargo.toml");
const CRATE = "espflash";

/** By chip, as in espflash 4.7.0: ESP-IDF release/v6.1 (v6.1-829-g9a97f6c54ec). */
const SHA256: Readonly<Record<string, string>> = {
  esp32c3: "7c04141e1fd8da5a391e8004ffe3d8ee8e20eeb5baf9bd3abc05c03a17b1ed09",
};

export const BOOTLOADER_CHIPS = Object.keys(SHA256);

/** The crate that it comes with, as Cargo.lock pins it. */
export async function bootloaderCrate(): Promise<Library> {
  const lock = await readFile(join(dirname(MANIFEST), "Cargo.lock"), "utf8");
  return cargoLibraries(lock).find(({ name }) => name === CRATE)!;
}

/**
 * @param cargo runs cargo with the given arguments and returns what it printed
 * @throws VisibleError where the unpacked file is not the one that is known
 */
export async function fetchBootloader(
  chip: string,
  cargo: (args: string[]) => Promise<string>,
): Promise<Uint8Array> {
  await cargo(["fetch", "--locked", "--manifest-path", MANIFEST]);
  const metadata = await cargo([
    "metadata",
    "--locked",
    "--offline",
    "--format-version=1",
    "--manifest-path",
    MANIFEST,
  ]);
  const { packages } = JSON.parse(metadata) as { packages: { name: string; manifest_path: string }[] };
  const crate = packages.find(({ name }) => name === CRATE);
  if (!crate) throw new VisibleError("cargo knows no crate espflash, which brings the bootloader");
  const path = join(dirname(crate.manifest_path), "resources", "bootloaders", `${chip}-bootloader.bin`);
  const bytes = await readFile(path);
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (digest !== SHA256[chip]) {
    throw new VisibleError(
      `${path} is not the bootloader that espflash was published with (SHA-256 ${digest})`,
      {
        hint: "remove the folder of that crate and build again: cargo fetches it anew",
      },
    );
  }
  return bytes;
}
