// `edgeflock doctor`: a table of every tool, where it came from, and what to do about what is missing.
import { Command } from "commander";
import colors from "picocolors";
import type { Finding } from "../../toolchain/doctor.ts";

export function command(): Command {
  return new Command("doctor")
    .description("show every tool, its version, where it came from, and what to do about what is missing")
    .option("--install", "get what is missing now, instead of when it is first needed")
    .option("--json", "print the findings as JSON")
    .addHelpText(
      "after",
      "\nTools are taken from PATH in a fitting version, else downloaded from their publishers, else built from a\n" +
        "package registry into the cache folder (EDGEFLOCK_CACHE). Without --install nothing is changed.\n" +
        "The exit code is 1 where something is missing that only you can install.",
    )
    .action((options: { install?: boolean; json?: boolean }) => run(options));
}

async function run(options: { install?: boolean; json?: boolean }): Promise<void> {
  const { examine } = await import("../../toolchain/doctor.ts");
  const { cacheFolder } = await import("../../toolchain/cache-folder.ts");
  const { stderrProgress } = await import("../../toolchain/progress.ts");
  const { interruptible } = await import("../interruptible.ts");
  const install = options.install ?? false;
  const findings = await interruptible((signal) => examine({ install, progress: stderrProgress(), signal }));
  if (options.json) console.log(JSON.stringify({ cache: cacheFolder(), tools: findings }, null, 2));
  else console.log(`${table(findings)}\n\nCache: ${cacheFolder()}`);
  if (findings.some((finding) => finding.state === "missing")) process.exitCode = 1;
}

const MARKS: Record<Finding["state"], string> = {
  ok: colors.green("✓"),
  later: colors.yellow("…"),
  missing: colors.red("✗"),
};

function table(findings: Finding[]): string {
  const nameWidth = Math.max(...findings.map((finding) => finding.tool.length));
  const sourceWidth = Math.max(...findings.map((finding) => finding.source?.length ?? 0));
  return findings
    .flatMap((finding) => {
      const { tool, state, version = "", source = "", path = "", advice } = finding;
      const number = /\d+\.\d+\.\d+/.exec(version)?.[0] ?? version;
      const row = `${MARKS[state]} ${tool.padEnd(nameWidth)}  ${number.padEnd(9)} ${source.padEnd(sourceWidth)}  ${path}`;
      return advice ? [row.trimEnd(), `  ${" ".repeat(nameWidth)}  ${colors.dim(advice)}`] : [row.trimEnd()];
    })
    .join("\n");
}
