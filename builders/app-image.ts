// ESP application (and bootloader) images: reading, checking and writing them. Pure: bytes in and out.
// Layout: ESP-IDF, components/bootloader_support/include/esp_app_format.h, and Espressif's esptool
// documentation, "Firmware Image Format". All numbers are little-endian.
import { createHash } from "node:crypto";
import { VisibleError } from "../model/visible-error.ts";
import { type AppDescriptor, parseAppDescriptor, writeAppDescriptor } from "./app-descriptor.ts";
import { type Chip, chipNamed, chipWithId } from "./chips.ts";

export const APP_IMAGE_MAGIC = 0xe9;
const HEADER_SIZE = 24;
const SEGMENT_HEADER_SIZE = 8;
const CHECKSUM_SEED = 0xef;
/** The bootloader refuses more (ESP_IMAGE_MAX_SEGMENTS, and a segment's length limit). */
const MAX_SEGMENTS = 16;
const MAX_SEGMENT_SIZE = 16 * 1024 * 1024;

const FLASH_MODES = ["qio", "qout", "dio", "dout"] as const;
const FLASH_SIZES = ["1MB", "2MB", "4MB", "8MB", "16MB", "32MB", "64MB", "128MB"] as const;
export type FlashMode = (typeof FLASH_MODES)[number];
export type FlashSize = (typeof FLASH_SIZES)[number];

export interface AppSegment {
  /** Address at which the chip sees the segment. */
  address: number;
  /** Bytes from the start of the image to the segment's data. */
  offset: number;
  data: Uint8Array;
}

export interface AppImage {
  chipId: number;
  /** Undefined for an id that no chip we know has. */
  chip: Chip | undefined;
  flashMode: FlashMode | undefined;
  flashSize: FlashSize | undefined;
  /** The four bits of the header; what they mean differs between chips. */
  flashFrequency: number;
  entryAddress: number;
  minChipRevision: number;
  maxChipRevision: number;
  segments: AppSegment[];
  /** Present in applications, absent in bootloaders. */
  descriptor: AppDescriptor | undefined;
  /** Bytes of the whole image, checksum and hash included; what follows is not part of it. */
  size: number;
  /** The SHA-256 appended to the image, if it has one; 32 bytes. */
  sha256: Uint8Array | undefined;
}

export interface AppImageInspection {
  /** What could be read; undefined when not even the header and segments could. */
  image: AppImage | undefined;
  /** Everything that a bootloader would refuse, as sentences; empty for a good image. */
  problems: string[];
}

/** Reads an image at the start of `bytes` (which may be longer) and says all that is wrong with it. */
export function inspectAppImage(bytes: Uint8Array, expected: { chip?: string } = {}): AppImageInspection {
  const problems: string[] = [];
  if (bytes.length < HEADER_SIZE)
    return { image: undefined, problems: [`only ${bytes.length} bytes: no header`] };
  if (bytes[0] !== APP_IMAGE_MAGIC) {
    return { image: undefined, problems: [`starts with 0x${hex(bytes[0]!)}, not with the magic byte 0xe9`] };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const segments = readSegments(bytes, view, problems);
  if (segments === undefined) return { image: undefined, problems };

  const last = segments.at(-1);
  const end = last === undefined ? HEADER_SIZE : last.offset + last.data.length;
  const checksumAt = end + (15 - (end % 16));
  const hashed = bytes[23] === 1;
  if (bytes[23]! > 1) problems.push(`has ${bytes[23]} where 0 or 1 says whether a SHA-256 follows`);
  const size = checksumAt + 1 + (hashed ? 32 : 0);
  if (size > bytes.length) problems.push(`is cut off: ${bytes.length} bytes of ${size}`);
  else {
    const checksum = xorChecksum(segments);
    if (bytes[checksumAt] !== checksum) {
      problems.push(`checksum is 0x${hex(bytes[checksumAt]!)}, but the segments give 0x${hex(checksum)}`);
    }
    const hash = createHash("sha256")
      .update(bytes.subarray(0, checksumAt + 1))
      .digest();
    if (hashed && !hash.equals(bytes.subarray(checksumAt + 1, size))) {
      problems.push("the SHA-256 at its end is not that of the image");
    }
  }
  const chipId = view.getUint16(12, true);
  const chip = chipWithId(chipId);
  if (chip === undefined) problems.push(`is for the unknown chip id ${chipId}`);
  if (expected.chip !== undefined && chip !== undefined && chip.name !== expected.chip) {
    problems.push(`is for ${chip.name}, not for ${expected.chip}`);
  }
  const image: AppImage = {
    chipId,
    chip,
    flashMode: FLASH_MODES[bytes[2]!],
    flashSize: FLASH_SIZES[bytes[3]! >> 4],
    flashFrequency: bytes[3]! & 0xf,
    entryAddress: view.getUint32(4, true),
    minChipRevision: view.getUint16(15, true),
    maxChipRevision: view.getUint16(17, true),
    segments,
    descriptor: segments[0] && parseAppDescriptor(segments[0].data),
    size,
    sha256: hashed && size <= bytes.length ? bytes.slice(size - 32, size) : undefined,
  };
  return { image, problems };
}

/** Reads and checks an image. @throws VisibleError that lists all its problems. */
export function parseAppImage(bytes: Uint8Array, expected: { chip?: string; name?: string } = {}): AppImage {
  const { image, problems } = inspectAppImage(bytes, expected);
  if (image === undefined || problems.length > 0) {
    throw new VisibleError(`${expected.name ?? "the application image"} ${problems.join("; ")}`);
  }
  return image;
}

export interface AppImageParts {
  /** Name of the chip, as in `CHIPS`. */
  chip: string;
  /** Each segment's data must be a multiple of 4 bytes; the descriptor, if any, becomes the first segment. */
  segments: { address: number; data: Uint8Array }[];
  /** Goes before the segments, in one of its own at the start of the chip's mapped flash. */
  descriptor?: AppDescriptor;
  entryAddress?: number;
  flashMode?: FlashMode;
  flashSize?: FlashSize;
  /** The header's four bits; 0 is 40 MHz on the ESP32. */
  flashFrequency?: number;
}

/** Writes an image with checksum and SHA-256. Equal parts give equal bytes. */
export function buildAppImage(parts: AppImageParts): Uint8Array {
  const chip = chipNamed(parts.chip);
  if (chip === undefined) throw new VisibleError(`unknown chip "${parts.chip}"`);
  const segments = [...parts.segments];
  if (parts.descriptor) {
    const address = chip.dataAddress + HEADER_SIZE + SEGMENT_HEADER_SIZE;
    segments.unshift({ address, data: writeAppDescriptor(parts.descriptor) });
  }
  if (segments.length === 0 || segments.length > MAX_SEGMENTS) {
    throw new VisibleError(`an image has 1 to ${MAX_SEGMENTS} segments, not ${segments.length}`);
  }
  for (const { data } of segments) {
    if (data.length === 0 || data.length % 4 !== 0)
      throw new VisibleError("a segment is a multiple of 4 bytes");
    if (data.length > MAX_SEGMENT_SIZE) throw new VisibleError("a segment has at most 16 MiB");
  }

  const end = segments.reduce((sum, { data }) => sum + SEGMENT_HEADER_SIZE + data.length, HEADER_SIZE);
  const checksumAt = end + (15 - (end % 16));
  const bytes = new Uint8Array(checksumAt + 1 + 32);
  const view = new DataView(bytes.buffer);
  bytes[0] = APP_IMAGE_MAGIC;
  bytes[1] = segments.length;
  bytes[2] = FLASH_MODES.indexOf(parts.flashMode ?? "dio");
  bytes[3] = (FLASH_SIZES.indexOf(parts.flashSize ?? "4MB") << 4) | (parts.flashFrequency ?? 0);
  view.setUint32(4, parts.entryAddress ?? segments[0]!.address, true);
  bytes[8] = 0xee; // the write-protect pin is set by eFuse
  view.setUint16(12, chip.id, true);
  view.setUint16(17, 0xffff, true); // any revision of the chip
  bytes[23] = 1;
  let at = HEADER_SIZE;
  for (const { address, data } of segments) {
    view.setUint32(at, address, true);
    view.setUint32(at + 4, data.length, true);
    bytes.set(data, at + SEGMENT_HEADER_SIZE);
    at += SEGMENT_HEADER_SIZE + data.length;
  }
  bytes[checksumAt] = xorChecksum(segments);
  bytes.set(
    createHash("sha256")
      .update(bytes.subarray(0, checksumAt + 1))
      .digest(),
    checksumAt + 1,
  );
  return bytes;
}

/**
 * The image for another size of flash: esptool, told to keep what an image says, would leave a bootloader with the
 * size that it was made for, and one that believes in less flash refuses what lies beyond.
 * @throws VisibleError where the image is damaged, or for a size that its header has no number for
 */
export function withFlashSize(bytes: Uint8Array, flashSize: string, name: string): Uint8Array {
  const { size, sha256 } = parseAppImage(bytes, { name });
  const code = FLASH_SIZES.indexOf(flashSize as FlashSize);
  if (code < 0) throw new VisibleError(`"${flashSize}" is no flash size that an image can name`);
  // a copy: slice of a Buffer would be the same memory
  const changed = new Uint8Array(bytes.subarray(0, size));
  changed[3] = (code << 4) | (bytes[3]! & 0xf);
  // the header is no part of the checksum, but of the hash
  if (sha256) changed.set(createHash("sha256").update(changed.subarray(0, -32)).digest(), size - 32);
  return changed;
}

function readSegments(bytes: Uint8Array, view: DataView, problems: string[]): AppSegment[] | undefined {
  const count = bytes[1]!;
  if (count === 0 || count > MAX_SEGMENTS)
    problems.push(`has ${count} segments; 1 to ${MAX_SEGMENTS} are allowed`);
  const segments: AppSegment[] = [];
  let at = HEADER_SIZE;
  for (let index = 0; index < Math.min(count, MAX_SEGMENTS); index++) {
    if (at + SEGMENT_HEADER_SIZE > bytes.length) {
      problems.push(`is cut off at ${bytes.length} bytes, before segment ${index}`);
      return undefined;
    }
    const address = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const offset = at + SEGMENT_HEADER_SIZE;
    if (length % 4 !== 0) problems.push(`segment ${index} has ${length} bytes, not a multiple of 4`);
    if (length > MAX_SEGMENT_SIZE || offset + length > bytes.length) {
      problems.push(`segment ${index} claims ${length} bytes; ${bytes.length - offset} are left`);
      return undefined;
    }
    segments.push({ address, offset, data: bytes.subarray(offset, offset + length) });
    at = offset + length;
  }
  return segments;
}

function xorChecksum(segments: { data: Uint8Array }[]): number {
  let checksum = CHECKSUM_SEED;
  for (const { data } of segments) for (const byte of data) checksum ^= byte;
  return checksum;
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}
