// A firmware for this host as the payload of an ESP application image: wrapping and unwrapping. Pure.
// The image has two segments: the application descriptor, and the executable and nothing else (zero-padded
// to 4 bytes). The descriptor's `app_elf_sha256` is the SHA-256 of the executable, as ESP-IDF has it, which
// also tells how many bytes of padding there are.
import { createHash } from "node:crypto";
import { VisibleError } from "../../model/visible-error.ts";
import { APP_DESCRIPTOR_SIZE } from "../app-descriptor.ts";
import { type AppImage, buildAppImage, type FlashSize } from "../app-image.ts";
import { chipNamed } from "../chips.ts";

export interface HostFirmware {
  chip: string;
  projectName: string;
  version: string;
  flashSize?: FlashSize;
  /** Bytes of the executable. */
  executable: Uint8Array;
}

export function wrapHostExecutable(firmware: HostFirmware): Uint8Array {
  const chip = chipNamed(firmware.chip);
  if (chip === undefined) throw new VisibleError(`unknown chip "${firmware.chip}"`);
  const payload = new Uint8Array(Math.ceil(firmware.executable.length / 4) * 4);
  payload.set(firmware.executable);
  const headers = 24 + 8 + APP_DESCRIPTOR_SIZE + 8;
  return buildAppImage({
    chip: firmware.chip,
    ...(firmware.flashSize === undefined ? {} : { flashSize: firmware.flashSize }),
    descriptor: {
      secureVersion: 0,
      version: firmware.version,
      projectName: firmware.projectName,
      time: "",
      date: "",
      idfVersion: "edgeflock-native",
      executableSha256: sha256(firmware.executable),
    },
    segments: [{ address: chip.dataAddress + headers, data: payload }],
  });
}

/**
 * The executable inside an image that `wrapHostExecutable` made, byte for byte.
 * @throws VisibleError for every other image: it is code for a chip, not for this host.
 */
export function hostExecutable(image: AppImage): Uint8Array {
  const payload = image.segments[1]?.data;
  if (image.segments.length === 2 && payload && image.descriptor) {
    const wanted = image.descriptor.executableSha256;
    for (let padding = 0; padding < 4; padding++) {
      const executable = payload.subarray(0, payload.length - padding);
      if (sha256(executable).equals(wanted)) return executable;
    }
  }
  const name = image.descriptor ? ` "${image.descriptor.projectName}"` : "";
  throw new VisibleError(
    `the application${name} is code for ${image.chip?.name ?? "a chip"}, not for this host`,
    {
      hint: 'only what the firmware builder "native" makes can run on a virtual ESP32',
    },
  );
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
