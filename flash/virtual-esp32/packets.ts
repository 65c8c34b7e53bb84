// Requests and responses of the ESP serial protocol. Pure.
// Source: Espressif's esptool documentation, "Serial Protocol"; codes as esptool 5.6.0 uses them.

/** Operation codes; those from 0xd0 on only the stub knows. */
export const OP = {
  FLASH_BEGIN: 0x02,
  FLASH_DATA: 0x03,
  FLASH_END: 0x04,
  MEM_BEGIN: 0x05,
  MEM_END: 0x06,
  MEM_DATA: 0x07,
  SYNC: 0x08,
  WRITE_REG: 0x09,
  READ_REG: 0x0a,
  SPI_SET_PARAMS: 0x0b,
  SPI_ATTACH: 0x0d,
  READ_FLASH_SLOW: 0x0e,
  CHANGE_BAUDRATE: 0x0f,
  FLASH_DEFL_BEGIN: 0x10,
  FLASH_DEFL_DATA: 0x11,
  FLASH_DEFL_END: 0x12,
  SPI_FLASH_MD5: 0x13,
  GET_SECURITY_INFO: 0x14,
  ERASE_FLASH: 0xd0,
  ERASE_REGION: 0xd1,
  READ_FLASH: 0xd2,
  RUN_USER_CODE: 0xd3,
} as const;

/** Why a command failed; the ROM and the stub have codes of their own for it. */
export type Failure =
  | "invalid-message"
  | "bad-length"
  | "bad-checksum"
  | "bad-block-size"
  | "unknown-command"
  | "flash-failed"
  | "read-failed"
  | "not-in-flash-mode"
  | "inflate-failed"
  | "not-enough-data"
  | "too-much-data";

/** ROM loader, second status byte. */
const ROM_CODES: Record<Failure, number> = {
  "invalid-message": 0x05,
  "bad-length": 0x05,
  "bad-checksum": 0x07,
  "bad-block-size": 0x05,
  "unknown-command": 0x05,
  "flash-failed": 0x08,
  "read-failed": 0x09,
  "not-in-flash-mode": 0x06,
  "inflate-failed": 0x0b,
  "not-enough-data": 0x0b,
  "too-much-data": 0x0b,
};

/** Stub, first status byte (esp-flasher-stub, `esp_response_codes`). */
const STUB_CODES: Record<Failure, number> = {
  "invalid-message": 0xc3,
  "bad-length": 0xc0,
  "bad-checksum": 0xc1,
  "bad-block-size": 0xc2,
  "unknown-command": 0xff,
  "flash-failed": 0xc4,
  "read-failed": 0x63,
  "not-in-flash-mode": 0xc6,
  "inflate-failed": 0xc7,
  "not-enough-data": 0xc8,
  "too-much-data": 0xc9,
};

export interface Request {
  op: number;
  /** XOR over the payload of a data command; anything in other commands. */
  checksum: number;
  data: Uint8Array;
}

const HEADER_SIZE = 8;

/** Reads an unescaped frame; undefined for what is no request. */
export function parseRequest(frame: Uint8Array): Request | undefined {
  if (frame.length < HEADER_SIZE || frame[0] !== 0x00) return undefined;
  const view = viewOf(frame);
  const length = view.getUint16(2, true);
  if (frame.length !== HEADER_SIZE + length) return undefined;
  return { op: frame[1]!, checksum: view.getUint32(4, true), data: frame.subarray(HEADER_SIZE) };
}

export type Speaker = "rom" | "stub";

/** A response frame, not yet escaped. The ROM ends it with 4 status bytes, the stub with 2. */
export function response(
  speaker: Speaker,
  op: number,
  answer: { value?: number; data?: Uint8Array; failure?: Failure | undefined },
): Uint8Array {
  const data = answer.data ?? new Uint8Array(0);
  const statusSize = speaker === "rom" ? 4 : 2;
  const frame = new Uint8Array(HEADER_SIZE + data.length + statusSize);
  const view = viewOf(frame);
  frame[0] = 0x01;
  frame[1] = op;
  view.setUint16(2, data.length + statusSize, true);
  view.setUint32(4, (answer.value ?? 0) >>> 0, true);
  frame.set(data, HEADER_SIZE);
  if (answer.failure !== undefined) {
    const status = HEADER_SIZE + data.length;
    frame[status] = speaker === "rom" ? 0x01 : STUB_CODES[answer.failure];
    frame[status + 1] = speaker === "rom" ? ROM_CODES[answer.failure] : 0;
  }
  return frame;
}

const CHECKSUM_SEED = 0xef;

export function checksum(payload: Uint8Array): number {
  let state = CHECKSUM_SEED;
  for (let at = 0; at < payload.length; at++) state ^= payload[at]!;
  return state;
}

/** The little-endian 32-bit words at the start of `data`, or undefined if there are fewer than `count`. */
export function words(data: Uint8Array, count: number): number[] | undefined {
  if (data.length < count * 4) return undefined;
  const view = viewOf(data);
  return Array.from({ length: count }, (_, index) => view.getUint32(index * 4, true));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const SYNC_START = [0x07, 0x07, 0x12, 0x20];

/** Whether a request is the 36 bytes with which a flasher asks for attention. */
export function isSync(request: Request): boolean {
  return request.op === OP.SYNC && SYNC_START.every((byte, index) => request.data[index] === byte);
}
