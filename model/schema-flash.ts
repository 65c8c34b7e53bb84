// Schema of a device's `flash`: boards that `pulumi up` itself flashes, at a remote bench. Pure; touches nothing.
import { z } from "zod";

/** A host name, an address or [an IPv6 address]. */
const HOST = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:]{2,39}\])`;
/** Ports as pySerial takes them; no blanks, quotes or leading dashes, since they become an argument of esptool. */
const PORT = new RegExp(
  `^(?:(?:rfc2217|socket)://${HOST}:[0-9]{1,5}(?:\\?[a-z0-9_=&.]{1,100})?|/dev/[A-Za-z0-9._/-]{1,200}|COM[0-9]{1,3})$`,
);

const via = z
  .strictObject({
    port: z
      .string()
      .max(500)
      .regex(PORT, 'must be a port such as "rfc2217://bench-2:4000", "/dev/ttyUSB0" or "COM3"')
      .describe("Serial port, seen from where `pulumi up` runs: `rfc2217://host:port`, or one of its own."),
    baud: z.int().min(9600).max(5_000_000).describe("Speed of the serial port.").default(460_800),
  })
  .meta({ title: "Port" });

export const flash = z
  .strictObject({ via: via.describe("The board at this port is flashed by `pulumi up` itself.") })
  .meta({ title: "Flashing" });

export type FlashVia = z.output<typeof via>;
