// `esp_app_desc_t`: the 256 bytes at the start of an application's first segment that say what it is.
// Pure: bytes in and out.
// Layout: ESP-IDF, components/esp_app_format/include/esp_app_desc.h.
import { VisibleError } from "../model/visible-error.ts";

export const APP_DESCRIPTOR_SIZE = 256;
const MAGIC = 0xabcd5432;

export interface AppDescriptor {
  /** Anti-rollback counter. */
  secureVersion: number;
  version: string;
  projectName: string;
  /** Compile time and date; empty where a build is to give the same bytes each time. */
  time: string;
  date: string;
  idfVersion: string;
  /** SHA-256 of the executable that the image was made from; 32 bytes. */
  executableSha256: Uint8Array;
}

const TEXTS = [
  { field: "version", offset: 16, size: 32 },
  { field: "projectName", offset: 48, size: 32 },
  { field: "time", offset: 80, size: 16 },
  { field: "date", offset: 96, size: 16 },
  { field: "idfVersion", offset: 112, size: 32 },
] as const;
const SHA_OFFSET = 144;

/** Reads the descriptor at the start of `bytes`, or nothing if none is there. */
export function parseAppDescriptor(bytes: Uint8Array): AppDescriptor | undefined {
  if (bytes.length < APP_DESCRIPTOR_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  const text = (offset: number, size: number): string => {
    const field = bytes.subarray(offset, offset + size);
    const end = field.indexOf(0);
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
  };
  const [version, projectName, time, date, idfVersion] = TEXTS.map((t) => text(t.offset, t.size));
  return {
    secureVersion: view.getUint32(4, true),
    version: version ?? "",
    projectName: projectName ?? "",
    time: time ?? "",
    date: date ?? "",
    idfVersion: idfVersion ?? "",
    executableSha256: bytes.slice(SHA_OFFSET, SHA_OFFSET + 32),
  };
}

/** @throws VisibleError when a text does not fit its field (with its terminating zero). */
export function writeAppDescriptor(descriptor: AppDescriptor): Uint8Array {
  const bytes = new Uint8Array(APP_DESCRIPTOR_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, descriptor.secureVersion, true);
  for (const { field, offset, size } of TEXTS) {
    const encoded = new TextEncoder().encode(descriptor[field]);
    if (encoded.length >= size) {
      throw new VisibleError(
        `the application's ${field} "${descriptor[field]}" is longer than ${size - 1} bytes`,
      );
    }
    bytes.set(encoded, offset);
  }
  if (descriptor.executableSha256.length !== 32) throw new RangeError("a SHA-256 has 32 bytes");
  bytes.set(descriptor.executableSha256, SHA_OFFSET);
  return bytes;
}
