// The boards that Edgeflock's firmware knows, as PlatformIO calls them. Pure data.

export interface Esp32Board {
  /** PlatformIO's id of the board. */
  platformio: string;
  /** As manifests spell it. */
  chip: string;
  /** What the board's chip needs beside the common flags. */
  flags: readonly string[];
}

/** Memory outside of the chip, with the work-around that its first revisions need. */
const PSRAM = ["-DBOARD_HAS_PSRAM", "-mfix-esp32-psram-cache-issue"];

/** By name, which is also that of the board's folder in firmware/boards. */
export const ESP32_BOARDS = {
  esp32dev: { platformio: "esp32dev", chip: "esp32", flags: [] },
  "esp32-cam": { platformio: "esp32cam", chip: "esp32", flags: PSRAM },
  // LilyGO T-SIM7600, with an ESP32-WROVER
  sim7600: { platformio: "esp-wrover-kit", chip: "esp32", flags: PSRAM },
} as const satisfies Record<string, Esp32Board>;

export type Esp32BoardName = keyof typeof ESP32_BOARDS;
export const ESP32_BOARD_NAMES = Object.keys(ESP32_BOARDS) as Esp32BoardName[];
