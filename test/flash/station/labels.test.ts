import { Jimp } from "jimp";
import jsQR from "jsqr";
import { PDFDocument } from "pdf-lib";
import { describe, expect, it } from "vitest";
import { labelPayload, renderLabel, scannedDevice } from "../../../flash/station/labels/label.ts";
import { VisibleError } from "../../../model/visible-error.ts";

const LABEL = { device: "cam-001", class: "esp32-cam", mac: "24:0a:c4:12:34:56" };
const LONGEST = { device: "d".repeat(56), class: "c".repeat(50), mac: "24:0a:c4:12:34:56" };

/** What a scanner reads from a picture. */
async function read(png: Uint8Array): Promise<string | undefined> {
  const { bitmap } = await Jimp.read(Buffer.from(png));
  const decode = jsQR as unknown as typeof jsQR.default;
  return decode(new Uint8ClampedArray(bitmap.data), bitmap.width, bitmap.height)?.data;
}

describe("a board's label", () => {
  it.each([LABEL, LONGEST])("as a picture has a code that gives back the device $device", async (label) => {
    const text = await read(await renderLabel(label, "png"));
    expect(text).toBe(labelPayload(label));
    expect(scannedDevice(`${text}\r`)).toBe(label.device);
  });

  it("as a picture shows text beside the code", async () => {
    const [one, other] = await Promise.all(
      [LABEL, { ...LABEL, mac: "24:0a:c4:12:34:57" }].map((label) => renderLabel(label, "png")),
    );
    expect(Buffer.from(one as Uint8Array).equals(other as Uint8Array)).toBe(false);
  });

  it.each([LABEL, LONGEST])("as PDF is one page of the size of the roll", async (label) => {
    const document = await PDFDocument.load(await renderLabel(label, "pdf"));
    expect(document.getPageCount()).toBe(1);
    const { width, height } = document.getPage(0).getSize();
    expect([Math.round(width), Math.round(height)]).toEqual([176, 82]);
    expect(document.getTitle()).toBe(label.device);
  });

  it("as ZPL has name, MAC address, class and code", async () => {
    const text = new TextDecoder().decode(await renderLabel(LABEL, "zpl"));
    expect(text).toMatch(/^\^XA\n[\s\S]*\^XZ\n$/);
    for (const word of [
      "^FDMA,edgeflock:cam-001^FS",
      "^FDcam-001^FS",
      "^FD24:0a:c4:12:34:56^FS",
      "^FDesp32-cam^FS",
    ]) {
      expect(text).toContain(word);
    }
  });
});

describe("what a scanner types", () => {
  it("may be a label's code or a bare name", () => {
    expect(scannedDevice("edgeflock:cam-001")).toBe("cam-001");
    expect(scannedDevice("  cam-002\r\n")).toBe("cam-002");
  });

  it.each(["https://example.org", "", "a/b", "edgeflock:", "\u001b[2J", "A".repeat(500)])(
    "is refused when it is %j",
    (text) => {
      expect(() => scannedDevice(text)).toThrow(VisibleError);
    },
  );
});
