// A label for Zebra printers (ZPL II, 203 dots an inch). Pure.
import { type Label, labelPayload } from "./label.ts";

/** Names have letters, digits and dashes, MAC addresses colons: none of ZPL's own signs. */
export function zplLabel(label: Label): string {
  return [
    "^XA",
    "^CI28",
    `^FO16,24^BQN,2,6^FDMA,${labelPayload(label)}^FS`,
    `^FO224,40^A0N,36,30^FB256,2,0,L^FD${label.device}^FS`,
    `^FO224,124^A0N,24,22^FD${label.mac}^FS`,
    `^FO224,156^A0N,22,20^FB256,1,0,L^FD${label.class}^FS`,
    "^XZ",
    "",
  ].join("\n");
}
