// Whether a pulumi command line is about to talk to the embedded Kubernetes. Reads files, may ask pulumi.
import { tryCommand } from "./run-command.ts";
import { readStackConfig } from "./stack-file.ts";

/** Commands that run the program or the providers. */
const OPERATIONS = new Set([
  "up",
  "update",
  "preview",
  "pre",
  "refresh",
  "destroy",
  "down",
  "import",
  "watch",
]);
const PREVIEWS = new Set(["preview", "pre"]);
/** Options whose value is a word of its own, before the command. */
const WITH_VALUE = new Set([
  "-C",
  "--cwd",
  "--color",
  "-v",
  "--verbose",
  "-s",
  "--stack",
  "--profiling",
  "--tracing",
]);

/** Whether the command line runs one of pulumi's operations. */
export function touchesCluster(args: readonly string[]): boolean {
  return OPERATIONS.has(commandOf(args) ?? "");
}

/** Whether it runs one that takes the stack's lock. */
export function changesState(args: readonly string[]): boolean {
  return touchesCluster(args) && !PREVIEWS.has(commandOf(args) ?? "");
}

/** Whether it brings the stack to what its program declares. */
export function isUpdate(args: readonly string[]): boolean {
  return ["up", "update"].includes(commandOf(args) ?? "");
}

/** Whether it runs the program, and so is judged by the stack's policies. */
export function runsProgram(args: readonly string[]): boolean {
  const command = commandOf(args) ?? "";
  return PREVIEWS.has(command) || isUpdate(args);
}

/** Whether it brings the whole stack to what is wanted, and not only some of its resources. */
export function isWhole(args: readonly string[]): boolean {
  const isPartial = args.some((word) =>
    /^(-t|--target|--target-replace|--exclude|--exclude-protected)(=|$)/.test(word),
  );
  return !isPartial && (isUpdate(args) || ["destroy", "down"].includes(commandOf(args) ?? ""));
}

function commandOf(args: readonly string[]): string | undefined {
  if (args.includes("--help") || args.includes("-h")) return undefined;
  return args.find((word, index) => !word.startsWith("-") && !WITH_VALUE.has(args[index - 1] ?? ""));
}

/** The stack that the command line means: named there, else the selected one. */
export async function meantStack(args: readonly string[], where: Where): Promise<string | undefined> {
  return stackArgument(args) ?? (await selectedStack(where));
}

/** The stack named on the command line; the last one counts, as it does for pulumi. */
export function stackArgument(args: readonly string[]): string | undefined {
  let stack: string | undefined;
  args.forEach((word, index) => {
    const joined = /^(?:--stack=|-s=?)(.+)$/.exec(word)?.[1];
    if (joined !== undefined) stack = joined;
    else if (word === "--stack" || word === "-s") stack = args[index + 1];
  });
  return stack;
}

interface Where {
  project: string;
  pulumi: string;
  environment: NodeJS.ProcessEnv;
}

/** Whether the stack that the command line means lives in the embedded Kubernetes, by its configuration. */
export async function needsEmbeddedCluster(stack: string, project: string): Promise<boolean> {
  const config = await readStackConfig(project, stack);
  return config?.["edgeflock:kubernetes"] === "embedded";
}

async function selectedStack({ project, pulumi, environment }: Where): Promise<string | undefined> {
  if (environment.PULUMI_STACK) return environment.PULUMI_STACK;
  const asked = await tryCommand([pulumi, "stack", "--show-name", "--non-interactive"], {
    cwd: project,
    env: environment,
    timeout: 30_000,
  });
  return asked.exitCode === 0 ? asked.stdout.trim() : undefined;
}
