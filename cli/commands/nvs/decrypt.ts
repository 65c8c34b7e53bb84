// `edgeflock nvs decrypt`: an encrypted image to a plain one.
import { Command } from "commander";
import { outdirOption } from "./arguments.ts";
import { outputPath, readInput, say, writeOutput } from "./files.ts";

export function decryptCommand(): Command {
  return new Command("decrypt")
    .description("Decrypt an image with its key partition.")
    .argument("<image>", "encrypted image")
    .argument("<key>", "key partition, or the 64 bytes of the keys")
    .argument("<output>", "plain image to write")
    .addOption(outdirOption())
    .addHelpText("after", "\nExample:\n  edgeflock nvs decrypt config.bin keys/cam-001.bin plain.bin")
    .action(decrypt);
}

async function decrypt(
  image: string,
  key: string,
  output: string,
  options: { outdir?: string },
): Promise<void> {
  const { decryptNvs, readKeyPartition } = await import("../../../builders/nvs/encrypt.ts");
  const { decodeNvs } = await import("../../../builders/nvs/decode.ts");
  const plain = decryptNvs(await readInput(image), readKeyPartition(await readInput(key)));
  const path = outputPath(output, options.outdir);
  await writeOutput(path, plain);
  if (decodeNvs(plain).looksEncrypted)
    say("no entry of the result is sound: these are probably not its keys");
  say(`${path === "-" ? "standard output" : path}: the decrypted image`);
}
