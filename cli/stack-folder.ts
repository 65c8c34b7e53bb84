// Which stack's manifests a command reads: the one that was named, else the only one. Reads the folder stacks/.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";

export interface ManifestOptions {
  stack?: string;
  manifests?: string;
}

/** @throws VisibleError where there is no such stack, or several and none was named */
export function manifestsFolder({ stack, manifests }: ManifestOptions): string {
  return manifests ?? join("stacks", stackFolder(stack));
}

function stackFolder(stack: string | undefined): string {
  const stacks = listStacks();
  if (stack === undefined) {
    if (stacks.length === 1) return stacks[0]!;
    throw new VisibleError(stacks.length === 0 ? "There are no stacks here" : "Which stack?", {
      hint:
        stacks.length === 0
          ? "Run this in the project's folder."
          : `Add --stack; there are: ${stacks.join(", ")}`,
    });
  }
  if (!stacks.includes(stack)) {
    throw new VisibleError("There is no such stack in stacks/", {
      hint: `There are: ${stacks.join(", ") || "none"}`,
    });
  }
  return stack;
}

/** Empty where this is no project's folder. */
export function listStacks(): string[] {
  try {
    return readdirSync("stacks", { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}
