// Finds the modules of @pulumi/pulumi that run programs, policy packs and plugins. Looks at folders.
import { createRequire } from "node:module";
import { join } from "node:path";
import { VisibleError } from "../../../model/visible-error.ts";

/** A module inside the program's own copy of @pulumi/pulumi. @throws VisibleError where it has none */
export function locateRunner(programDirectory: string, module: string): string {
  try {
    return createRequire(join(programDirectory, "program.js")).resolve(module);
  } catch (cause) {
    throw new VisibleError("It looks like the Pulumi SDK has not been installed.", {
      hint: `Run "npm install" in ${programDirectory}.`,
      cause,
    });
  }
}
