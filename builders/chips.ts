// The ESP32 family as far as images are concerned: chip ids, bootloader offsets, where flash is mapped.
// Pure data and look-ups; touches nothing.
// Source of every constant: Espressif's esptool 5.6.0, `targets/<chip>.py` (IMAGE_CHIP_ID,
// BOOTLOADER_FLASH_OFFSET and the first "DROM" range of MEMORY_MAP).

export interface Chip {
  /** Name as esptool's `--chip` and manifests spell it. */
  readonly name: string;
  /** Chip id in bytes 12–13 of an image. */
  readonly id: number;
  /** Where the ROM looks for the second-stage bootloader, bytes from the start of the flash. */
  readonly bootloaderOffset: number;
  /** First address at which flash is mapped for reading data. */
  readonly dataAddress: number;
}

export const CHIPS: readonly Chip[] = [
  { name: "esp32", id: 0, bootloaderOffset: 0x1000, dataAddress: 0x3f400000 },
  { name: "esp32s2", id: 2, bootloaderOffset: 0x1000, dataAddress: 0x3f000000 },
  { name: "esp32c3", id: 5, bootloaderOffset: 0x0, dataAddress: 0x3c000000 },
  { name: "esp32s3", id: 9, bootloaderOffset: 0x0, dataAddress: 0x3c000000 },
  { name: "esp32c2", id: 12, bootloaderOffset: 0x0, dataAddress: 0x3c000000 },
  { name: "esp32c6", id: 13, bootloaderOffset: 0x0, dataAddress: 0x42000000 },
  { name: "esp32h2", id: 16, bootloaderOffset: 0x0, dataAddress: 0x42000000 },
  { name: "esp32p4", id: 18, bootloaderOffset: 0x2000, dataAddress: 0x40000000 },
  { name: "esp32c61", id: 20, bootloaderOffset: 0x0, dataAddress: 0x42000000 },
  { name: "esp32c5", id: 23, bootloaderOffset: 0x2000, dataAddress: 0x42000000 },
  { name: "esp32h4", id: 28, bootloaderOffset: 0x2000, dataAddress: 0x42000000 },
  { name: "esp32s31", id: 32, bootloaderOffset: 0x2000, dataAddress: 0x40000000 },
];

export function chipNamed(name: string): Chip | undefined {
  return CHIPS.find((chip) => chip.name === name);
}

export function chipWithId(id: number): Chip | undefined {
  return CHIPS.find((chip) => chip.id === id);
}

/** Lower-cases and drops dashes, so that "ESP32-C3" and "esp32c3" are one chip. */
export function canonicalChipName(name: string): string {
  return name.toLowerCase().replaceAll("-", "");
}
