// Archives in the compressions that Node reads. Pure: bytes in and out.
import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";
import { VisibleError } from "../../model/visible-error.ts";

/** More than any firmware: what unpacks to more is an attack or a mistake. */
const LARGEST = 512 * 1024 * 1024;

/** The tar inside a .tar, .tar.gz or .tar.zst, by its first bytes. @throws VisibleError for anything else */
export async function decompressed(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  const magic = Buffer.from(bytes.subarray(0, 4)).toString("hex");
  const options = { maxOutputLength: LARGEST };
  try {
    if (magic.startsWith("1f8b")) return await promisify(gunzip)(bytes, options);
    if (magic === "28b52ffd") return await promisify(zstdDecompress)(bytes, options);
  } catch (error) {
    throw new VisibleError(`${name} cannot be unpacked: ${(error as Error).message}`, { cause: error });
  }
  if (Buffer.from(bytes.subarray(257, 262)).toString("latin1") === "ustar") return bytes;
  throw new VisibleError(`${name} is no .tar, .tar.gz or .tar.zst archive`, {
    hint: "unpack it, and name the folder instead",
  });
}
