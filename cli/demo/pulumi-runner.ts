// Runs pulumi for the demo: quietly, shown to the person, or for its JSON. Starts processes.
import { execa } from "execa";
import { VisibleError } from "../../model/visible-error.ts";
import { PROJECT, STACK } from "./places.ts";

export type PulumiRunner = ReturnType<typeof pulumiRunner>;

export function pulumiRunner(env: NodeJS.ProcessEnv) {
  const base = { cwd: PROJECT, env: { ...env, PULUMI_STACK: STACK }, extendEnv: false } as const;
  const quiet = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await execa("pulumi", [...args, "--non-interactive"], {
      ...base,
      reject: false,
      stdin: "ignore",
    });
    if (exitCode !== 0) throw new VisibleError(`pulumi ${args[0]} failed:\n${stderr || stdout}`);
    return stdout;
  };
  return {
    quiet,
    async succeeds(...args: string[]): Promise<boolean> {
      return (
        (await execa("pulumi", [...args, "--non-interactive"], { ...base, reject: false, stdin: "ignore" }))
          .exitCode === 0
      );
    },
    async shown(...args: string[]): Promise<void> {
      const color = process.stdout.isTTY ? "auto" : "never";
      // Ctrl-C reaches pulumi too, which ends what it has begun and records it; this process waits for that.
      const wait = () => {};
      process.on("SIGINT", wait);
      const { exitCode } = await execa("pulumi", [...args, "--color", color], {
        ...base,
        reject: false,
        stdio: ["ignore", "inherit", "inherit"],
      });
      process.off("SIGINT", wait);
      if (exitCode !== 0) {
        throw new VisibleError(`pulumi ${args[0]} did not finish; the lines above say why.`, {
          hint: "Mend what they name and run it again: it goes on where it stopped.",
          exitCode: exitCode ?? 130,
        });
      }
    },
    /** Names of the stacks of this project. */
    async stacks(): Promise<string[]> {
      const listed = JSON.parse(await quiet("stack", "ls", "--json")) as { name: string }[];
      return listed.map(({ name }) => name.split("/").at(-1)!);
    },
    async output<T>(name: string): Promise<T> {
      return JSON.parse(await quiet("stack", "output", name, "--json")) as T;
    },
    async lastChanges(): Promise<Record<string, number>> {
      const [last] = JSON.parse(await quiet("stack", "history", "--json", "--page-size", "1", "--page", "1"));
      const { same: _, ...changes } = (last?.resourceChanges ?? {}) as Record<string, number>;
      return changes;
    },
  };
}
