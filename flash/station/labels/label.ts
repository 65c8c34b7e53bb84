// What stands on a board's label, and the formats in which it can be had. Pure.
import { VisibleError } from "../../../model/visible-error.ts";

export interface Label {
  device: string;
  class: string;
  /** aa:bb:cc:dd:ee:ff */
  mac: string;
}

export const LABEL_FORMATS = ["png", "pdf", "zpl"] as const;
export type LabelFormat = (typeof LABEL_FORMATS)[number];

/** Millimetres; a usual size of label printers' rolls. */
export const LABEL_WIDTH = 62;
export const LABEL_HEIGHT = 29;

const PAYLOAD = /^edgeflock:([a-z0-9-]+)$/;
const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** The text in the QR code. */
export function labelPayload(label: Label): string {
  return `edgeflock:${label.device}`;
}

/** The device's name from what a scanner typed: a label's QR code or the bare name in any bar code. @throws VisibleError */
export function scannedDevice(text: string): string {
  const trimmed = text.trim();
  const name = PAYLOAD.exec(trimmed)?.[1] ?? trimmed;
  if (NAME.test(name)) return name;
  throw new VisibleError(`${JSON.stringify(trimmed.slice(0, 80))} is no device's name.`, {
    hint: "Scan the code of a device's label.",
  });
}

export async function renderLabel(label: Label, format: LabelFormat): Promise<Uint8Array> {
  switch (format) {
    case "png":
      return (await import("./png.ts")).pngLabel(label);
    case "pdf":
      return (await import("./pdf.ts")).pdfLabel(label);
    case "zpl":
      return new TextEncoder().encode((await import("./zpl.ts")).zplLabel(label));
  }
}
