// Looks at what a builder left in output/ before anything is read from it: links that lead out would make us
// read, and pack into an artefact, files of this machine. Reads the folder.
import { readdir, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { VisibleError } from "../../model/visible-error.ts";

/** @throws VisibleError that names everything that is neither file nor folder nor a link inside output/ */
export async function checkOutput(output: string): Promise<void> {
  const root = await realpath(output);
  const wrong: string[] = [];
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(root, path);
    if (entry.isSymbolicLink()) {
      const target = await realpath(path).catch(() => undefined);
      if (target === undefined) wrong.push(`${name} is a link to nothing`);
      else if (!target.startsWith(root + sep)) wrong.push(`${name} is a link that leads out of output/`);
    } else if (!entry.isFile() && !entry.isDirectory()) wrong.push(`${name} is neither a file nor a folder`);
  }
  if (wrong.length > 0) {
    throw new VisibleError(`the builder's output is refused: ${wrong.sort().join("; ")}`, {
      hint: "write plain files into output/",
    });
  }
}
