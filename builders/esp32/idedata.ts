// What PlatformIO tells of a build (`pio run --target idedata`): which file goes to which offset. Pure.
// Source of the form: platform-espressif32, builder/main.py (FLASH_EXTRA_IMAGES, application_offset).
import { dirname, join } from "node:path";
import { z } from "zod";
import { VisibleError } from "../../model/visible-error.ts";

const offset = z.string().regex(/^0x[0-9a-fA-F]{1,8}$/);
const idedata = z.object({
  prog_path: z.string().min(1),
  extra: z.object({
    flash_images: z.array(z.object({ offset, path: z.string().min(1) })).min(1),
    application_offset: offset,
  }),
});

export interface BuiltImage {
  /** Bytes from the start of the flash. */
  offset: number;
  /** Where PlatformIO left the file. */
  from: string;
  /** Its name in output/. */
  path: string;
  /** As ESP-IDF calls it. */
  name?: string;
}

/** As ESP-IDF calls what PlatformIO calls otherwise. */
const NAMES: Readonly<Record<string, string>> = {
  "bootloader.bin": "bootloader",
  "partitions.bin": "partition-table",
  "boot_app0.bin": "otadata",
};

/**
 * @param text content of idedata.json
 * @throws VisibleError where it is not what PlatformIO writes for an ESP32
 */
export function imagesOf(text: string): BuiltImage[] {
  const data = parse(text);
  const images = data.extra.flash_images.map(({ offset: at, path }): BuiltImage => {
    const file = path.split(/[\\/]/).at(-1)!;
    const name = NAMES[file];
    return {
      offset: Number(at),
      from: path,
      path: file.replace(/[^A-Za-z0-9._-]/g, "_"),
      ...(name && { name }),
    };
  });
  // PlatformIO names the program that it linked; the image of it lies beside
  const from = join(dirname(data.prog_path), "firmware.bin");
  return [
    ...images,
    { offset: Number(data.extra.application_offset), from, path: "firmware.bin", name: "app" },
  ];
}

function parse(text: string): z.output<typeof idedata> {
  try {
    return idedata.parse(JSON.parse(text));
  } catch (error) {
    throw new VisibleError("PlatformIO's idedata.json does not tell what is flashed where", {
      hint: `the platform has to be one for the ESP32, such as espressif32: ${(error as Error).message.slice(0, 300)}`,
    });
  }
}
