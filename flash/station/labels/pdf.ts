// A label as a PDF page of its size. Pure.
import { PDFDocument, type PDFFont, type PDFPage, rgb, StandardFonts } from "pdf-lib";
import qrcode from "qrcode";
import { LABEL_HEIGHT, LABEL_WIDTH, type Label, labelPayload } from "./label.ts";

const POINTS_A_MM = 72 / 25.4;
const QR_SIZE = 25 * POINTS_A_MM;
const MARGIN = 2 * POINTS_A_MM;
const BLACK = rgb(0, 0, 0);

export async function pdfLabel(label: Label): Promise<Uint8Array> {
  const document = await PDFDocument.create();
  document.setTitle(label.device);
  const page = document.addPage([LABEL_WIDTH * POINTS_A_MM, LABEL_HEIGHT * POINTS_A_MM]);
  drawQr(page, labelPayload(label));
  const bold = await document.embedFont(StandardFonts.HelveticaBold);
  const plain = await document.embedFont(StandardFonts.Helvetica);
  const left = MARGIN + QR_SIZE + MARGIN;
  const width = page.getWidth() - left - MARGIN;
  drawFitting(page, label.device, { font: bold, x: left, y: page.getHeight() * 0.62, size: 13, width });
  drawFitting(page, label.mac, { font: plain, x: left, y: page.getHeight() * 0.4, size: 9, width });
  drawFitting(page, label.class, { font: plain, x: left, y: page.getHeight() * 0.2, size: 8, width });
  return document.save();
}

function drawQr(page: PDFPage, payload: string): void {
  const { modules } = qrcode.create(payload, { errorCorrectionLevel: "M" });
  const size = QR_SIZE / modules.size;
  const top = (page.getHeight() + QR_SIZE) / 2;
  for (let row = 0; row < modules.size; row++) {
    for (let column = 0; column < modules.size; column++) {
      if (!modules.get(row, column)) continue;
      page.drawRectangle({
        x: MARGIN + column * size,
        y: top - (row + 1) * size,
        width: size,
        height: size,
        color: BLACK,
      });
    }
  }
}

function drawFitting(
  page: PDFPage,
  text: string,
  place: { font: PDFFont; x: number; y: number; size: number; width: number },
): void {
  const { font, x, y, width } = place;
  const size = Math.min(place.size, (place.size * width) / font.widthOfTextAtSize(text, place.size));
  page.drawText(text, { font, x, y, size, color: BLACK });
}
