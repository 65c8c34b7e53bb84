// The firmware builder "command": the user's own program, under the contract of builders (docs/builders.md).
// Planning reads nothing but the request; the program is run by the executor.
import { z } from "zod";
import {
  builderArgs,
  command,
  environment,
  timeLimitMinutes,
  toolchain,
} from "../../model/schema-program.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { checkBuilderArgs, projectPath } from "../builder-args.ts";
import { builderFingerprint } from "../content-hash.ts";
import type { BuildPlan, FirmwareBuilder, FirmwareRequest, Json } from "../contract.ts";
import { FETCHED, sourceCommand } from "../source-program.ts";

const DEFAULT_MINUTES = 30;
const args = z.strictObject({
  command: command.optional(),
  environment: environment.default({}),
  timeLimitMinutes: timeLimitMinutes.default(DEFAULT_MINUTES),
  toolchain: toolchain.default(""),
  args: builderArgs.default({}),
});

export const commandBuilder: FirmwareBuilder = {
  name: "command",

  async plan(request: FirmwareRequest): Promise<BuildPlan> {
    const own = checkBuilderArgs(request, args);
    const { source, git } = request.builder;
    const folder = source === undefined ? undefined : projectPath(request, source);
    if (own.command === undefined && !request.container) {
      throw new VisibleError('the firmware builder "command" needs spec.firmware.builder.args.command', {
        hint: "only in a container is there a default: what the image runs by itself",
      });
    }
    return {
      identity: {
        builder: `command ${await builderFingerprint(import.meta.url)}`,
        command: JSON.stringify(own.command ?? []),
        environment: JSON.stringify(Object.entries(own.environment).sort()),
        toolchain: own.toolchain,
      },
      ...(folder !== undefined && { source: folder }),
      ...(git && { git }),
      args: own.args as Record<string, Json>,
      run: {
        kind: "command",
        command: sourceCommand(own.command ?? [], git ? FETCHED : folder, "spec.firmware.builder.source"),
        environment: own.environment,
        timeLimit: own.timeLimitMinutes * 60_000,
      },
    };
  },
};
