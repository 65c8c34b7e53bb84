// What a flasher may read and write in a chip's address space; the chips' models implement it. Pure.

export interface Registers {
  read(address: number): number;
  /** Returns "reset" when the write made a watchdog bite. */
  write(address: number, value: number): "reset" | undefined;
  /** The UART's clock divider follows the baud rate, which is how a flasher measures the crystal. */
  setBaudRate(baud: number): void;
}

/** 40 MHz, the crystal of every ESP32 and ESP32-C3 module. */
const CRYSTAL = 40_000_000;

export function uartDivider(baud: number): number {
  return Math.round(CRYSTAL / Math.max(baud, 1)) & 0xfffff;
}
