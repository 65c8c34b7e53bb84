// `npm run chaos`: kills updates of a fleet, the API server and the store, and checks what must hold afterwards.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Checkpoints } from "../../toolchain/checkpoints.ts";
import { reset } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { runChaos } from "./chaos.ts";
import { renderReport } from "./report.ts";

const whole = (text: string) => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
};

const command = new Command("chaos")
  .description(
    "Kill -9 updates, the API server and the store at random moments, and check that nothing is lost.",
  )
  .option("--seed <number>", "makes the same choices again", whole, Date.now() % 1_000_000_000)
  .option("--kills <number>", "how many", whole, 100)
  .addOption(
    new Option("--checkpoints <when>", "when updates save their state")
      .choices(["each", "end"])
      .default("each"),
  )
  .option("--json", "print the report as JSON")
  .addHelpText(
    "after",
    "\nEach kill takes 15 to 40 seconds. What happens is told on stderr, the report on stdout.",
  );
command.parse();
const { seed, kills, checkpoints, json } = command.opts<{
  seed: number;
  kills: number;
  checkpoints: Checkpoints;
  json?: boolean;
}>();

const parent = join(fileURLToPath(new URL("../..", import.meta.url)), ".edgeflock", "test-clusters");
await mkdir(parent, { recursive: true });
const clusterFolder = await mkdtemp(join(parent, "chaos-"));
try {
  console.error(`chaos with seed ${seed}`);
  const report = await runChaos({
    seed,
    kills,
    checkpoints,
    clusterFolder,
    say: (line) => console.error(line),
  });
  console.log(json ? JSON.stringify(report, null, 2) : renderReport(report));
  if (report.problems.length > 0) process.exitCode = 1;
} finally {
  await reset(clusterFolder);
  await rm(clusterFolder, { recursive: true, force: true });
}
