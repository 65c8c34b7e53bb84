// `edgeflock replace-board DEVICE`: takes a device from the board that has it, so that another can become it.
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import { VisibleError } from "../../model/visible-error.ts";

interface ReplaceOptions {
  namespace?: string;
  kubeconfig?: string;
  context?: string;
  yes?: boolean;
}

export function command(): Command {
  return new Command("replace-board")
    .description("Free a device of its board, so that the next flash gives it to a new one.")
    .argument("<device>", "the device")
    .option("-n, --namespace <name>", "its namespace (default: the kube-context's)")
    .option("--kubeconfig <file>", "as in kubectl")
    .option("--context <name>", "as in kubectl")
    .option("-y, --yes", "do not ask")
    .addHelpText(
      "after",
      `
The old board keeps its password until the device's credential is renewed: destroy it, or raise the device's credential
generation. Two boards with one identity push each other off the network.`,
    )
    .action(replaceBoard);
}

async function replaceBoard(device: string, options: ReplaceOptions): Promise<void> {
  const { freeBoard } = await import("../flash/free-board.ts");
  const freed = await freeBoard(device, options, (holder) => confirm(device, holder, options.yes));
  if (freed === undefined) return void console.log(`${device} has no board; flash it as it is.`);
  console.log(
    `${device} is no longer the board ${freed}. Flash the new one: npx edgeflock flash CLASS ${device}`,
  );
}

async function confirm(device: string, holder: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  const question = `Take ${device} from the board ${holder}? That board must never be used again. Type yes: `;
  if (!process.stdin.isTTY)
    throw new VisibleError(`${device} is the board ${holder}.`, {
      hint: "Add --yes if it shall lose it.",
      exitCode: 2,
    });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    if ((await terminal.question(question)).trim().toLowerCase() !== "yes")
      throw new VisibleError("Nothing was changed.", { exitCode: 2 });
  } finally {
    terminal.close();
  }
}
