// The SPI controller through which a flasher speaks to the flash chip directly, by register writes: a "user
// command" with command byte, address and up to 64 bytes. Touches only the flash it is given.
// Source: ESP32 and ESP32-C3 technical reference manuals, "SPI Controller"; JEDEC JESD216 for SFDP;
// Winbond W25Q datasheets for the commands and identification bytes.
import type { FlashMemory } from "./flash-memory.ts";
import { SECTOR_SIZE } from "./flash-memory.ts";

/** Where a chip's SPI1 registers lie, as offsets from `base`. */
export interface SpiLayout {
  base: number;
  user: number;
  user1: number;
  user2: number;
  mosiLength: number;
  misoLength: number;
  w0: number;
  /** Whether an address shorter than 32 bits sits in the register's upper bits. */
  addressInUpperBits: boolean;
}

const COMMAND = 0x00;
const ADDRESS = 0x04;
const W_REGISTERS = 16;
const START_USER_COMMAND = 1 << 18;
const USER_HAS_ADDRESS = 1 << 30;
const USER_HAS_MISO = 1 << 28;
const USER_HAS_MOSI = 1 << 27;

const WINBOND = 0xef;
const W25Q = 0x40;

export class SpiController {
  readonly #layout: SpiLayout;
  readonly #flash: FlashMemory;
  readonly #registers = new Map<number, number>();
  #status = new Uint8Array(3);
  #writeEnabled = false;

  constructor(layout: SpiLayout, flash: FlashMemory) {
    this.#layout = layout;
    this.#flash = flash;
  }

  /** Whether `address` is one of the registers that are modelled; there are few, so memory is bounded. */
  has(address: number): boolean {
    const { user, user1, user2, mosiLength, misoLength, w0 } = this.#layout;
    const offset = address - this.#layout.base;
    if (offset >= w0 && offset < w0 + W_REGISTERS * 4) return offset % 4 === 0;
    return [COMMAND, ADDRESS, user, user1, user2, mosiLength, misoLength].includes(offset);
  }

  read(address: number): number {
    return this.#registers.get(address - this.#layout.base) ?? 0;
  }

  write(address: number, value: number): void {
    const offset = address - this.#layout.base;
    if (offset !== COMMAND) this.#registers.set(offset, value >>> 0);
    // A command ends at once: its start bit is never seen set.
    else if (value & START_USER_COMMAND) this.#execute();
  }

  #execute(): void {
    const at = (offset: number) => this.#registers.get(offset) ?? 0;
    const user = at(this.#layout.user);
    const mosiBytes = user & USER_HAS_MOSI ? Math.min(64, (at(this.#layout.mosiLength) + 8) >> 3) : 0;
    const misoBytes = user & USER_HAS_MISO ? Math.min(64, (at(this.#layout.misoLength) + 8) >> 3) : 0;
    const output = this.#command(
      at(this.#layout.user2) & 0xff,
      user & USER_HAS_ADDRESS ? this.#flashAddress(at(ADDRESS)) : 0,
      this.#buffer(mosiBytes),
      misoBytes,
    );
    for (let index = 0; index * 4 < misoBytes; index++) {
      const [a = 0, b = 0, c = 0, d = 0] = output.subarray(index * 4, index * 4 + 4);
      this.#registers.set(this.#layout.w0 + index * 4, (a | (b << 8) | (c << 16) | (d << 24)) >>> 0);
    }
  }

  #flashAddress(register: number): number {
    const bits = (((this.#registers.get(this.#layout.user1) ?? 0) >>> 26) & 0x3f) + 1;
    return this.#layout.addressInUpperBits && bits < 32 ? register >>> (32 - bits) : register;
  }

  #buffer(length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, index) => {
      const word = this.#registers.get(this.#layout.w0 + (index & ~3)) ?? 0;
      return (word >>> ((index % 4) * 8)) & 0xff;
    });
  }

  /** What the flash chip answers to one command: `length` bytes. */
  #command(code: number, address: number, data: Uint8Array, length: number): Uint8Array {
    const answer = new Uint8Array(length);
    switch (code) {
      case 0x9f: // read JEDEC id: manufacturer, type, log2 of the size
        answer.set([WINBOND, W25Q, Math.log2(this.#flash.size)].slice(0, length));
        return answer;
      case 0x5a:
        return slice(serialFlashParameters(this.#flash.size), address, answer);
      case 0x4b: // read unique id
        return answer.fill(0xee);
      case 0x05:
        return answer.fill(this.#status[0]! | (this.#writeEnabled ? 0x02 : 0));
      case 0x35:
        return answer.fill(this.#status[1]!);
      case 0x15:
        return answer.fill(this.#status[2]!);
      case 0x01:
        this.#status.set(data.subarray(0, 2));
        break;
      case 0x31:
        this.#status.set(data.subarray(0, 1), 1);
        break;
      case 0x11:
        this.#status.set(data.subarray(0, 1), 2);
        break;
      case 0x06:
      case 0x50:
        this.#writeEnabled = true;
        return answer;
      case 0x03:
        if (address + length > this.#flash.size) return answer.fill(0xff);
        return this.#flash.read(address, length);
      case 0x99: // reset, after its enabling by 0x66
        this.#status = new Uint8Array(3);
        break;
      default:
        this.#write(code, address, data);
    }
    this.#writeEnabled = false;
    return answer;
  }

  #write(code: number, address: number, data: Uint8Array): void {
    if (!this.#writeEnabled || address + data.length > this.#flash.size) return;
    if (code === 0x02) this.#flash.program(address, data);
    else if (code === 0x20) this.#flash.erase(address, Math.min(SECTOR_SIZE, this.#flash.size - address));
    else if (code === 0xd8) {
      const start = address - (address % 65536);
      this.#flash.erase(start, Math.min(65536, this.#flash.size - start));
    } else if (code === 0xc7 || code === 0x60) this.#flash.erase(0, this.#flash.size);
  }
}

function slice(table: Uint8Array, start: number, into: Uint8Array): Uint8Array {
  into.fill(0xff);
  into.set(table.subarray(start, start + into.length));
  return into;
}

/** The SFDP table: header, one parameter header, and the first two words of the basic flash parameters. */
function serialFlashParameters(flashSize: number): Uint8Array {
  const table = new Uint8Array(0x88).fill(0xff);
  const view = new DataView(table.buffer);
  view.setUint32(0x00, 0x50444653, true); // "SFDP"
  table.set([0x05, 0x01, 0x00, 0xff], 0x04); // revision 1.5, one parameter header
  table.set([0x00, 0x05, 0x01, 0x02, 0x80, 0x00, 0x00, 0xff], 0x08); // 2 words at 0x80
  table.set([WINBOND], 0x10);
  view.setUint32(0x80, 0xfff120e5, true); // 4 KiB erase by 0x20, 3-byte addresses
  view.setUint32(0x84, flashSize * 8 - 1, true); // density in bits
  return table;
}
