// `edgeflock schema`: the JSON Schema of the manifests, to stdout or into a file.
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { VisibleError } from "../../model/visible-error.ts";

export function command(): Command {
  return new Command("schema")
    .description("Write the JSON Schema of the manifests, for editors.")
    .option("-o, --output <file>", "file to write (default: standard output)")
    .addHelpText(
      "after",
      `
Editors that know yaml-language-server complete and check a manifest that begins with
  # yaml-language-server: $schema=../edgeflock.schema.json

Example:
  edgeflock schema --output stacks/edgeflock.schema.json`,
    )
    .action(async ({ output }: { output?: string }) => {
      const { manifestJsonSchemaText } = await import("../../model/json-schema.ts");
      if (output === undefined || output === "-") process.stdout.write(manifestJsonSchemaText());
      else write(output, manifestJsonSchemaText());
    });
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new VisibleError(`Cannot write the schema: ${message}`, { cause });
  }
}
