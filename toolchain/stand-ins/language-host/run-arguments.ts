// How a program is run: the arguments and environment of @pulumi/pulumi's own runner. Pure.
// Same command line as the official language host (pulumi/sdk/nodejs/cmd/pulumi-language-nodejs).
import { VisibleError } from "../../../model/visible-error.ts";

/** Options under `runtime.options` in Pulumi.yaml that this host honours. */
export interface RuntimeOptions {
  /** Let @pulumi/pulumi compile TypeScript with ts-node. @default true, as the official host */
  typescript: boolean;
  tsconfig: string | undefined;
  /** Arguments for node itself. */
  nodeArguments: string[];
}

export interface RunRequest {
  monitorAddress: string;
  engineAddress: string;
  organization: string;
  project: string;
  stack: string;
  rootDirectory: string;
  programDirectory: string;
  /** `main` of Pulumi.yaml relative to the program's directory, or ".". */
  entryPoint: string;
  dryRun: boolean;
  parallel: number;
  arguments: string[];
}

/** @throws VisibleError for an option of the wrong type */
export function runtimeOptions(options: Record<string, unknown>): RuntimeOptions {
  const { typescript, tsconfig, nodeargs } = options;
  const wrong = (name: string, type: string) =>
    new VisibleError(`Pulumi.yaml: the runtime option "${name}" must be a ${type}.`);
  if (typescript !== undefined && typeof typescript !== "boolean") throw wrong("typescript", "boolean");
  if (tsconfig !== undefined && typeof tsconfig !== "string") throw wrong("tsconfig", "string");
  if (nodeargs !== undefined && typeof nodeargs !== "string") throw wrong("nodeargs", "string");
  return { typescript: typescript ?? true, tsconfig, nodeArguments: splitWords(nodeargs ?? "") };
}

/** Arguments for node, the runner's path first. */
export function runArguments(runnerPath: string, request: RunRequest): string[] {
  const named: [string, string][] = [
    ["monitor", request.monitorAddress],
    ["engine", request.engineAddress],
    ["organization", request.organization],
    ["project", request.project],
    ["root-directory", request.rootDirectory],
    ["stack", request.stack],
    ["pwd", request.programDirectory],
  ];
  return [
    runnerPath,
    ...named.flatMap(([name, value]) => (value === "" ? [] : [`--${name}`, value])),
    ...(request.dryRun ? ["--dry-run"] : []),
    "--parallel",
    String(request.parallel),
    request.entryPoint || ".",
    ...request.arguments,
  ];
}

/** What the program's environment carries besides our own: configuration, plaintext of secrets included. */
export function runEnvironment(
  config: Iterable<[string, string]>,
  secretKeys: string[],
  options: RuntimeOptions,
): Record<string, string> {
  const entries = [...config].map(([key, value]) => [longKey(key), value]);
  return {
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(entries)),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(secretKeys),
    ...(options.typescript && { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    ...(options.tsconfig !== undefined && { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig }),
  };
}

/** `ns:name` becomes `ns:config:name`, the form that the runner reads. */
function longKey(key: string): string {
  const at = key.indexOf(":");
  if (at < 0 || key.startsWith("config:", at + 1)) return key;
  return `${key.slice(0, at)}:config:${key.slice(at + 1)}`;
}

/** Splits as a shell would: blanks separate, quotes and backslashes keep together. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  for (const match of text.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g)) {
    words.push(
      match[0].replace(
        /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
        (_, double?: string, single?: string, escaped?: string) =>
          double !== undefined ? double.replace(/\\(["\\$`])/g, "$1") : (single ?? escaped ?? ""),
      ),
    );
  }
  return words;
}
