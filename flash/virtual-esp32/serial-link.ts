// One client at the serial port of a virtual board, whatever carries the bytes.

export interface SerialLink {
  /**
   * "bare": no handshake lines, a socket or a pty. The board then does by itself what a person's fingers
   * would do: a flasher that asks for attention gets download mode, and when it leaves, the board boots.
   * "modem": DTR and RTS reset the board, and nothing else does.
   */
  kind: "bare" | "modem";
  /** Sends bytes to the client; what a client does not read in time is dropped, as a UART does. */
  send(bytes: Uint8Array): void;
  /** The cable is pulled. */
  cut(): void;
}
