// Entry of the `edgeflock` command: finds the subcommand, loads only its module, prints errors for people.
import { createRequire } from "node:module";
import { Command } from "commander";
import { VisibleError } from "../model/visible-error.ts";
import { COMMANDS, type CommandModule } from "./command-table.ts";

/** Its own package, in a checkout and installed. */
const { version } = createRequire(import.meta.url)("edgeflock/package.json") as { version: string };

/** Runs one command line; resolves to the process's exit code. */
async function main(argv: string[]): Promise<number> {
  const program = new Command("edgeflock")
    .description("Declare, build and flash fleets of ESP32 devices.")
    .version(version, "-V, --version", "print the version")
    // behind a subcommand --version is that one's own
    .enablePositionalOptions()
    .showHelpAfterError("(--help shows how to use it)")
    .exitOverride();
  const [first, second] = argv.filter((word) => !word.startsWith("-"));
  const wanted = first === "help" ? second : first;
  for (const entry of COMMANDS) {
    if (entry.name === wanted) program.addCommand(((await entry.load()) as CommandModule).command());
    else program.command(entry.name).description(entry.summary).helpGroup(entry.group);
  }
  await program.parseAsync(argv, { from: "user" });
  return 0;
}

function report(error: unknown): number {
  if (error instanceof VisibleError) {
    console.error(error.message);
    if (error.hint) console.error(`→ ${error.hint}`);
    return error.exitCode;
  }
  // commander has already printed its own message
  if (error instanceof Error && "code" in error && String(error.code).startsWith("commander.")) {
    return "exitCode" in error ? Number(error.exitCode) : 1;
  }
  console.error(error);
  return 70;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode ||= code;
  },
  (error) => {
    process.exitCode = report(error);
  },
);
