// Checks the arguments of a builder, all at once. Pure.
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { formatPath } from "../model/problem.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { FirmwareRequest } from "./contract.ts";

/** A version that fits into an application's descriptor. */
export const firmwareVersion = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9.+_-]{0,30}$/,
    'is made of letters, digits, ".", "+", "_" and "-", at most 31',
  );

/** @throws VisibleError that lists every problem by its path in the manifest */
export function checkBuilderArgs<T extends z.ZodType>(request: FirmwareRequest, schema: T): z.output<T> {
  const { name, args } = request.builder;
  const result = schema.safeParse(args ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const path = formatPath(["spec", "firmware", "builder", "args", ...issue.path]);
    return `${path}: ${issue.message}`;
  });
  throw new VisibleError(`the arguments of the firmware builder "${name}" are wrong:\n${indent(problems)}`, {
    hint: "docs/builders.md lists each builder's arguments",
  });
}

/** A path of the request, absolute. */
export function projectPath(request: FirmwareRequest, path: string): string {
  return isAbsolute(path) ? path : join(request.projectFolder, path);
}

function indent(lines: string[]): string {
  return lines.map((line) => `  ${line}`).join("\n");
}
