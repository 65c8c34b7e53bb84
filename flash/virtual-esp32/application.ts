// What runs on a virtual board after a reset into flash; the board starts and stops it.

export interface Application {
  /** Boots: at once, without waiting; output comes through the callback it was made with. */
  start(): void;
  /** Stops whatever runs, at once. Harmless when nothing does. */
  halt(): void;
  /** Bytes on the UART's receive line. */
  input(bytes: Uint8Array): void;
  /** Like `halt`, and resolves when the process is gone and its files are removed. */
  stop(): Promise<void>;
}
