// The chips that a virtual board can be, and how they differ as seen through the serial port. Pure.
import type { FlashMemory } from "./flash-memory.ts";
import type { Registers } from "./registers.ts";
import { registersOfEsp32 } from "./registers-esp32.ts";
import { registersOfEsp32c3 } from "./registers-esp32c3.ts";

export type VirtualChip = "esp32" | "esp32c3";

/** What differs between chips, apart from images. */
export interface ChipModel {
  /** As it stands in the manual, for people. */
  title: string;
  registers(mac: Uint8Array, flash: FlashMemory): Registers;
  /** Chip id of GET_SECURITY_INFO; undefined where the ROM does not know that command. */
  securityInfoChipId: number | undefined;
  /** Words of FLASH_BEGIN and FLASH_DEFL_BEGIN as the ROM expects them. */
  romBeginWords: 4 | 5;
  /** First line of the ROM's boot log: its build date. */
  romBanner: string;
  /** The boot mode pins' reading, as the ROM prints it. */
  bootMode: { flash: string; download: string };
}

export const CHIP_MODELS: Record<VirtualChip, ChipModel> = {
  esp32: {
    title: "ESP32",
    registers: registersOfEsp32,
    securityInfoChipId: undefined,
    romBeginWords: 4,
    romBanner: "ets Jul 29 2019 12:21:46",
    bootMode: {
      flash: "boot:0x13 (SPI_FAST_FLASH_BOOT)",
      download: "boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))",
    },
  },
  esp32c3: {
    title: "ESP32-C3",
    registers: registersOfEsp32c3,
    securityInfoChipId: 5,
    romBeginWords: 5,
    romBanner: "ESP-ROM:esp32c3-api1-20210207",
    bootMode: {
      flash: "boot:0xc (SPI_FAST_FLASH_BOOT)",
      download: "boot:0x4 (DOWNLOAD(USB/UART0/1))",
    },
  },
};
