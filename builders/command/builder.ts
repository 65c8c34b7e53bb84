// The firmware builder "command": the user's own program, under the contract of builders (docs/builders.md).
// Planning reads nothing but the request; the program is run by the executor.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { VisibleError } from "../../model/visible-error.ts";
import { checkBuilderArgs, projectPath } from "../builder-args.ts";
import { builderFingerprint } from "../content-hash.ts";
import type { BuildPlan, FirmwareBuilder, FirmwareRequest, Json } from "../contract.ts";

const DEFAULT_MINUTES = 30;
/** Could make our own marks or the loader do something else. */
const RESERVED = /^(EDGEFLOCK_|PULUMI_|LD_|DYLD_|NODE_OPTIONS$|TMPDIR$)/;

const args = z.strictObject({
  command: z
    .array(z.string().regex(/^[^\0]*$/, "must not contain a NUL"))
    .min(1, "must name a program")
    .refine(([program]) => program !== "", "must name a program")
    .optional(),
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "is no name of a variable"), z.string())
    .refine((variables) => !Object.keys(variables).some((name) => RESERVED.test(name)), {
      error: "sets a variable that belongs to Edgeflock, Pulumi or the system's loader",
    })
    .default({}),
  timeLimitMinutes: z
    .number()
    .positive()
    .max(24 * 60)
    .default(DEFAULT_MINUTES),
  toolchain: z.string().max(200).default(""),
  args: z.record(z.string(), z.json()).default({}),
});

export const commandBuilder: FirmwareBuilder = {
  name: "command",

  async plan(request: FirmwareRequest): Promise<BuildPlan> {
    const own = checkBuilderArgs(request, args);
    const { source } = request.builder;
    const folder = source === undefined ? undefined : projectPath(request, source);
    if (own.command === undefined && !request.container) {
      throw new VisibleError('the firmware builder "command" needs spec.firmware.builder.args.command', {
        hint: "only in a container is there a default: what the image runs by itself",
      });
    }
    const [program, ...words] = own.command ?? [];
    return {
      identity: {
        builder: `command ${await builderFingerprint(import.meta.url)}`,
        command: JSON.stringify(own.command ?? []),
        environment: JSON.stringify(Object.entries(own.environment).sort()),
        toolchain: own.toolchain,
      },
      ...(folder !== undefined && { source: folder }),
      args: own.args as Record<string, Json>,
      run: {
        kind: "command",
        command: program === undefined ? [] : [resolveProgram(program, folder), ...words],
        environment: own.environment,
        timeLimit: own.timeLimitMinutes * 60_000,
      },
    };
  },
};

/** `./build.sh` is a file of the source folder; a bare name is looked for on PATH. */
function resolveProgram(program: string, source: string | undefined): string {
  if (!program.startsWith("./")) return program;
  if (source === undefined || !existsSync(join(source, program))) {
    throw new VisibleError(`the builder's command ${program} is not in its source folder`, {
      hint: "set spec.firmware.builder.source to the folder that holds it",
    });
  }
  return `./${join("input", "source", program)}`;
}
