// Writes a file that only its owner may read, whole or not at all. Touches files.
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";

/** Writes through a temporary file beside it (mode 0600) and a rename. */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
