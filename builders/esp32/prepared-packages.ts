// PlatformIO's packages where an image holds them: nobody may write there, and PlatformIO locks the folder that they lie
// in. So it gets a folder of its own, of links to them. Touches files.
import { mkdir, readdir, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";

/** The core folder that was filled while the image was made. */
const PREPARED = "EDGEFLOCK_PLATFORMIO_CORE";

/** @returns variables for PlatformIO; none where nothing was prepared */
export async function preparedPackages(): Promise<Record<string, string>> {
  const prepared = process.env[PREPARED];
  if (!prepared) return {};
  const core = resolve("tmp", "platformio");
  for (const part of ["packages", "platforms"]) {
    await mkdir(join(core, part), { recursive: true });
    const names = await readdir(join(prepared, part)).catch(() => []);
    for (const name of names) await symlink(join(prepared, part, name), join(core, part, name));
  }
  return { PLATFORMIO_CORE_DIR: core };
}
