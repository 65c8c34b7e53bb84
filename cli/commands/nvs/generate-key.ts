// `edgeflock nvs generate-key`: a key partition, and an HMAC key if asked.
import { Command } from "commander";
import { outdirOption } from "./arguments.ts";
import { type KeyFileOptions, keyFileOptions, makeKeyFiles } from "./key-files.ts";

export function generateKeyCommand(): Command {
  const command = new Command("generate-key").description("Make the keys of an encrypted image.");
  for (const option of keyFileOptions()) command.addOption(option);
  return command
    .addOption(outdirOption())
    .addHelpText(
      "after",
      `
Keys come from the system's random generator. A key partition is flashed to the partition nvs_keys and protects
something only under flash encryption; an HMAC key is burnt into an eFuse (not on the classic ESP32).

Examples:
  edgeflock nvs generate-key --keyfile cam-001.bin
  edgeflock nvs generate-key --keyfile c3-001.bin --key_protect_hmac --kp_hmac_keygen`,
    )
    .action(async (options: KeyFileOptions) => {
      await makeKeyFiles(options);
    });
}
