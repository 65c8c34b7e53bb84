// MAC addresses of virtual boards: reading, writing and choosing them. Pure.
import { createHash } from "node:crypto";
import { VisibleError } from "../../model/visible-error.ts";

/** The six bytes of a MAC such as "02:ef:0c:12:34:56". @throws VisibleError */
export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new VisibleError(`"${text}" is no MAC address; expected six bytes such as 02:ef:0c:12:34:56`);
  }
  const mac = Uint8Array.from(text.split(":"), (byte) => Number.parseInt(byte, 16));
  if (mac[0]! & 1) {
    throw new VisibleError(`${text} is a group address; the first byte of a board's MAC is even`);
  }
  return mac;
}

export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/**
 * The MAC of the board whose flash is `flashPath`: the same at each start, and locally administered
 * (second-lowest bit of the first byte), so that it is never that of a real board.
 */
export function macFor(flashPath: string): Uint8Array {
  const hash = createHash("sha256").update(flashPath).digest();
  return Uint8Array.from([0x02, 0xef, ...hash.subarray(0, 4)]);
}
