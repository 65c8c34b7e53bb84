// Registers of the ESP32-C3 that flashers read: eFuses, UART divider, and the watchdog with which some of
// them reset the chip. Pure.
// Addresses: ESP32-C3 technical reference manual and esptool 5.6.0, targets/esp32c3.py.
import type { FlashMemory } from "./flash-memory.ts";
import { type Registers, uartDivider } from "./registers.ts";
import { SpiController } from "./spi-controller.ts";

const CHIP_MAGIC_ADDRESS = 0x40001000;
/** Revision 0.3 and later (espressif/esptool 4, CHIP_DETECT_MAGIC_VALUE). */
const CHIP_MAGIC = 0x1b31506f;
const EFUSE_BLOCK1 = 0x60008844;
const UART_CLOCK_DIVIDER = 0x60000014;
const WATCHDOG_CONFIGURATION = 0x60008090;
const WATCHDOG_LOCK = 0x600080a8;
const WATCHDOG_KEY = 0x50d83aa1;
/** Bit 31 enables; stage 0 = 5 resets the system. */
const WATCHDOG_ENABLED = 1 << 31;

/** Block 1 word 3: minor revision 4 (4 << 18), package QFN32 (0 << 21), no flash in the package. */
const PACKAGE_WORD = 4 << 18;

export function registersOfEsp32c3(mac: Uint8Array, flash: FlashMemory): Registers {
  const spi = new SpiController(
    {
      base: 0x60002000,
      user: 0x18,
      user1: 0x1c,
      user2: 0x20,
      mosiLength: 0x24,
      misoLength: 0x28,
      w0: 0x58,
      addressInUpperBits: false,
    },
    flash,
  );
  const [a, b, c, d, e, f] = mac as unknown as [number, number, number, number, number, number];
  const values = new Map<number, number>([
    [CHIP_MAGIC_ADDRESS, CHIP_MAGIC],
    [EFUSE_BLOCK1, ((c << 24) | (d << 16) | (e << 8) | f) >>> 0],
    [EFUSE_BLOCK1 + 4, (a << 8) | b],
    [EFUSE_BLOCK1 + 12, PACKAGE_WORD],
    [UART_CLOCK_DIVIDER, uartDivider(115_200)],
  ]);
  let unlocked = false;
  return {
    read: (address) => (spi.has(address) ? spi.read(address) : (values.get(address) ?? 0)),
    write(address, value) {
      if (spi.has(address)) spi.write(address, value);
      else if (address === WATCHDOG_LOCK) unlocked = value >>> 0 === WATCHDOG_KEY;
      else if (address === WATCHDOG_CONFIGURATION && unlocked && value & WATCHDOG_ENABLED) return "reset";
      return undefined;
    },
    setBaudRate: (baud) => values.set(UART_CLOCK_DIVIDER, uartDivider(baud)),
  };
}
