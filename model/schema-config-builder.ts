// Schema of a class's `config.builder`: what makes the configuration images of its devices. Pure; touches nothing.
import { z } from "zod";
import { job } from "./schema-job.ts";
import {
  builderArgs,
  command,
  containerLimits,
  environment,
  image,
  relativeFolder,
  timeLimitMinutes,
  toolchain,
} from "./schema-program.ts";

/** An image is small work: what takes longer hangs. */
const DEFAULT_MINUTES = 5;

const program = {
  source: relativeFolder.describe("Folder of the project that the program finds as input/source.").optional(),
  args: builderArgs.describe("Becomes input/args.json.").default({}),
  environment: environment.describe("Variables of the program.").default({}),
  timeLimitMinutes: timeLimitMinutes.describe("For one device.").default(DEFAULT_MINUTES),
};

export const configBuilder = z
  .discriminatedUnion("name", [
    z.strictObject({ name: z.literal("nvs").describe("Edgeflock's own, an NVS image.") }),
    z.strictObject({
      name: z.literal("command").describe("A program of yours, on this machine."),
      command: command.describe(
        "Program and arguments; ./name is a file of `source`, a bare name is looked for on PATH.",
      ),
      toolchain: toolchain
        .describe("Anything that names the program's tools: a change of it makes all images anew.")
        .default(""),
      ...program,
    }),
    z.strictObject({
      name: z.literal("image").describe("A program of yours, in a container."),
      image,
      command: command.describe("Program and arguments; default: what the image runs by itself.").optional(),
      ...containerLimits,
      executor: z
        .enum(["container", "kubernetes-job"])
        .describe("Where the container runs; default on this machine.")
        .optional(),
      job: job.optional(),
      ...program,
    }),
  ])
  .describe("What makes the configuration image.")
  .default({ name: "nvs" });

export type ConfigBuilderSpec = z.output<typeof configBuilder>;
