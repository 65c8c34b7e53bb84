// What a project's and a stack's own files say: Pulumi.yaml and Pulumi.<stack>.yaml. Only reads files.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

/** Of Pulumi.yaml what we go by. */
export interface ProjectFile {
  name?: string;
  /** Where the stacks' files are, from the project's folder. */
  stackConfigDir: string;
  backendUrl?: string;
}

/** A file that is missing or broken says nothing here; pulumi tells what is wrong with it. */
export async function readProjectFile(folder: string): Promise<ProjectFile> {
  const file = await readYaml(join(folder, "Pulumi.yaml"));
  const [name, configDir] = [field(file, "name"), field(file, "stackConfigDir")];
  const url = field(field(file, "backend"), "url");
  return {
    stackConfigDir: typeof configDir === "string" ? configDir : ".",
    ...(typeof name === "string" && { name }),
    ...(typeof url === "string" && url !== "" && { backendUrl: url }),
  };
}

/** A stack's name without its organization and project. */
export function plainStackName(stack: string): string {
  return stack.split("/").at(-1) ?? stack;
}

/** Where a stack's configuration stands. */
export async function stackFilePath(folder: string, stack: string): Promise<string> {
  const { stackConfigDir } = await readProjectFile(folder);
  return join(folder, stackConfigDir, `Pulumi.${plainStackName(stack)}.yaml`);
}

/** Its configuration, secrets still encrypted; undefined where it has no file. */
export async function readStackConfig(
  folder: string,
  stack: string,
): Promise<Record<string, unknown> | undefined> {
  const file = await readYaml(await stackFilePath(folder, stack));
  if (file === undefined) return undefined;
  const config = field(file, "config");
  return typeof config === "object" && config !== null ? (config as Record<string, unknown>) : {};
}

/** Looks up a plain value of our own, by its name without `edgeflock:`. */
export function ownConfig(config: Record<string, unknown>): (key: string) => string | undefined {
  return (key) => {
    const value = config[`edgeflock:${key}`];
    if (typeof value === "boolean" || typeof value === "number") return String(value);
    return typeof value === "string" ? value : undefined;
  };
}

/** The folder of a stack's manifests, below that of the project. @param get looks up a plain value of our own in the stack's configuration */
export function declaredFolder(
  projectFolder: string,
  stack: string,
  get: (key: string) => string | undefined,
): string {
  return join(projectFolder, get("manifests") ?? join("stacks", plainStackName(stack)));
}

async function readYaml(file: string): Promise<unknown> {
  try {
    return parse(await readFile(file, "utf8"));
  } catch {
    return undefined;
  }
}

function field(of: unknown, name: string): unknown {
  return typeof of === "object" && of !== null ? (of as Record<string, unknown>)[name] : undefined;
}
