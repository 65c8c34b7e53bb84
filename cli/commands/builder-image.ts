// `edgeflock builder-image`: makes the container image of a builder. Starts podman or docker.
import { Argument, Command } from "commander";
import { IMAGE_NAMES, type ImageName } from "../../builders/images/image-context.ts";

interface Options {
  base?: string;
  tag?: string;
  json?: boolean;
}

export function command(): Command {
  return new Command("builder-image")
    .description("Make the container image of a builder, for classes whose firmware is built in containers.")
    .addArgument(new Argument("<builder>", "whose image").choices(IMAGE_NAMES))
    .option("--base <image>", "image to start from (default: Debian)")
    .option("--tag <name>", "name to give it as well; manifests name it by its id or digest")
    .option("--json", "print { builder, image } as JSON")
    .addHelpText(
      "after",
      `
Prints the image's id, for spec.firmware.container.image of classes on this machine. For others, push the image to a
registry and name it by the digest that the registry gives.

Example:
  edgeflock builder-image esp32 --tag localhost/edgeflock-esp32`,
    )
    .action(async (builder: ImageName, options: Options) => {
      const { buildBuilderImage } = await import("../../builders/images/build-image.ts");
      const { findContainerEngine, MAKES_IMAGE } = await import("../../toolchain/container-engine.ts");
      const { interruptible } = await import("../../builders/interruption.ts");
      const { stderrProgress } = await import("../../toolchain/progress.ts");
      const engine = await findContainerEngine(process.env, MAKES_IMAGE);
      const image = await interruptible(undefined, (signal) =>
        stderrProgress().step(`Making the image of the builder "${builder}"`, (step) =>
          buildBuilderImage(builder, {
            engine,
            signal,
            onLine: (line) => step.note(line),
            ...(options.base !== undefined && { base: options.base }),
            ...(options.tag !== undefined && { tag: options.tag }),
          }),
        ),
      );
      console.log(options.json ? JSON.stringify({ builder, image }) : image);
    });
}
