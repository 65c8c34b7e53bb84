// A label as a picture, 300 dots an inch. Pure, but for the font that it loads from its library.
import { Jimp, loadFont, measureText } from "jimp";
import { SANS_16_BLACK, SANS_32_BLACK, SANS_64_BLACK } from "jimp/fonts";
import qrcode from "qrcode";
import { LABEL_HEIGHT, LABEL_WIDTH, type Label, labelPayload } from "./label.ts";

const DOTS_A_MM = 300 / 25.4;
const WIDTH = Math.round(LABEL_WIDTH * DOTS_A_MM);
const HEIGHT = Math.round(LABEL_HEIGHT * DOTS_A_MM);
const MARGIN = 24;
/** Around a QR code there must be four modules of white; the margin is the rest of it. */
const QR_SIZE = HEIGHT - 2 * MARGIN;

export async function pngLabel(label: Label): Promise<Uint8Array> {
  const image = new Jimp({ width: WIDTH, height: HEIGHT, color: 0xffffffff });
  const png = await qrcode.toBuffer(labelPayload(label), {
    width: QR_SIZE,
    margin: 2,
    errorCorrectionLevel: "M",
  });
  const code = await Jimp.read(png);
  image.composite(code, MARGIN, Math.round((HEIGHT - code.height) / 2));
  const x = MARGIN + code.width + MARGIN;
  const maxWidth = WIDTH - x - MARGIN;
  const lines: [text: string, y: number, fonts: string[]][] = [
    [label.device, 60, [SANS_64_BLACK, SANS_32_BLACK, SANS_16_BLACK]],
    [label.mac, 170, [SANS_32_BLACK, SANS_16_BLACK]],
    [label.class, 230, [SANS_32_BLACK, SANS_16_BLACK]],
  ];
  for (const [text, y, fonts] of lines)
    image.print({ font: await fitting(text, fonts, maxWidth), x, y, text, maxWidth });
  return new Uint8Array(await image.getBuffer("image/png"));
}

/** The largest font in which the text fits, else the smallest, in which it is broken. */
async function fitting(text: string, fonts: string[], width: number) {
  const loaded = await Promise.all(fonts.map((font) => loadFont(font)));
  return loaded.find((font) => measureText(font, text) <= width) ?? (loaded.at(-1) as (typeof loaded)[0]);
}
