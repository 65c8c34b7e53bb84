// Registers of the ESP32 that flashers read: chip magic, eFuses, crystal measurement, flash voltage. Pure.
// Addresses: ESP32 technical reference manual and esptool 5.6.0, targets/esp32.py.
import type { FlashMemory } from "./flash-memory.ts";
import { type Registers, uartDivider } from "./registers.ts";
import { SpiController } from "./spi-controller.ts";

const CHIP_MAGIC_ADDRESS = 0x40001000;
const CHIP_MAGIC = 0x00f01d83;
const EFUSE_BASE = 0x3ff5a000;
const UART_CLOCK_DIVIDER = 0x3ff40014;
const SYSCON_DATE = 0x3ff6607c;
const RTC_CALIBRATION = 0x3ff5f06c;
const SDIO_CONFIGURATION = 0x3ff48074;
const STRAPPING_PINS = 0x3ff44038;

/** eFuse word 4, lowest byte: the 8 MHz clock's calibration; with it the ROM computes a crystal of 40 MHz. */
const CK8M_FREQUENCY = 133;
const RTC_CALIBRATION_VALUE = 770 << 7;
/** eFuse word 3: rated frequency 240 MHz, package D0WD (1 << 9), revision bit 0 (1 << 15). */
const PACKAGE_WORD = (1 << 13) | (1 << 9) | (1 << 15);
/** eFuse word 5: revision bit 1 (1 << 20), minor revision 1 (1 << 24). */
const REVISION_WORD = (1 << 20) | (1 << 24);

export function registersOfEsp32(mac: Uint8Array, flash: FlashMemory): Registers {
  const spi = new SpiController(
    {
      base: 0x3ff42000,
      user: 0x1c,
      user1: 0x20,
      user2: 0x24,
      mosiLength: 0x28,
      misoLength: 0x2c,
      w0: 0x80,
      addressInUpperBits: true,
    },
    flash,
  );
  const [a, b, c, d, e, f] = mac as unknown as [number, number, number, number, number, number];
  const values = new Map<number, number>([
    [CHIP_MAGIC_ADDRESS, CHIP_MAGIC],
    [EFUSE_BASE + 4, ((c << 24) | (d << 16) | (e << 8) | f) >>> 0],
    [EFUSE_BASE + 8, (macChecksum(mac) << 16) | (a << 8) | b],
    [EFUSE_BASE + 12, PACKAGE_WORD],
    [EFUSE_BASE + 16, CK8M_FREQUENCY],
    [EFUSE_BASE + 20, REVISION_WORD],
    [UART_CLOCK_DIVIDER, uartDivider(115_200)],
    [SYSCON_DATE, 0x80000000], // revision bit 2: together with the eFuses, revision 3
    [RTC_CALIBRATION, RTC_CALIBRATION_VALUE],
    [SDIO_CONFIGURATION, 0],
    [STRAPPING_PINS, 0], // VDD_SDIO strapped to 3.3 V
  ]);
  return {
    read: (address) => (spi.has(address) ? spi.read(address) : (values.get(address) ?? 0)),
    write(address, value) {
      if (spi.has(address)) spi.write(address, value);
      else if (address === SDIO_CONFIGURATION) values.set(address, value >>> 0);
      return undefined;
    },
    setBaudRate: (baud) => values.set(UART_CLOCK_DIVIDER, uartDivider(baud)),
  };
}

/** CRC-8 of the MAC as the factory burns it (polynomial 0x31, reflected). */
function macChecksum(mac: Uint8Array): number {
  let crc = 0;
  for (const byte of mac) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x8c : crc >> 1;
  }
  return crc;
}
