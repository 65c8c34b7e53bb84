// `edgeflock nvs generate`: CSV to a plain image.
import { Command } from "commander";
import { outdirOption, splitInputs, versionOption } from "./arguments.ts";
import { outputPath, readInput, readNamedFile, say, writeOutput } from "./files.ts";

export function generateCommand(): Command {
  return new Command("generate")
    .description("Make an image from CSV files.")
    .usage("[options] <in.csv...> <out.bin> <size>")
    .argument("<files...>", "CSV files, the image to write, and the partition's size in bytes")
    .addOption(versionOption())
    .addOption(outdirOption())
    .addHelpText(
      "after",
      `
A CSV has the columns key,type,encoding,value. Type is namespace, data or file (the value is then a path);
encoding is u8 i8 u16 i16 u32 i32 u64 i64 string hex2bin base64 binary blob_fill(N;0xNN) blob_sz_fill(N;0xNN).

  key,type,encoding,value
  wifi,namespace,,
  ssid,data,string,hall-north
  channel,data,u8,11

The size is that of the partition: a multiple of 0x1000, at least 0x3000 if the device is to write to it.

Examples:
  edgeflock nvs generate settings.csv config.bin 0x6000
  generate-settings | edgeflock nvs generate - - 0x6000 > config.bin`,
    )
    .action(generate);
}

async function generate(words: string[], options: { version: string; outdir?: string }): Promise<void> {
  const { inputs, output, size } = splitInputs(words, "edgeflock nvs generate IN.csv OUT.bin SIZE");
  const image = await imageFromCsv(inputs, size, options.version);
  const path = outputPath(output, options.outdir);
  await writeOutput(path, image);
  say(`${path === "-" ? "standard output" : path}: an NVS image of 0x${size.toString(16)} bytes`);
}

/** The image of the CSV files; says so if the device could not write to such a partition. */
export async function imageFromCsv(
  inputs: readonly string[],
  size: number,
  version: string,
): Promise<Uint8Array> {
  const { generateNvsFromCsv } = await import("../../../builders/nvs/csv.ts");
  const { WRITABLE_SIZE } = await import("../../../builders/nvs/format.ts");
  const sources = [];
  for (const input of inputs) {
    sources.push({ file: input === "-" ? "standard input" : input, content: await readInput(input) });
  }
  const image = generateNvsFromCsv(sources, {
    size,
    version: version === "1" ? 1 : 2,
    readFile: readNamedFile,
  });
  if (size < WRITABLE_SIZE) {
    say(
      `a partition of 0x${size.toString(16)} bytes can only be read by the device: flag it readonly in the table`,
    );
  }
  return image;
}
