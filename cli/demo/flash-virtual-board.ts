// The last step of the demo: the generated script and the real esptool flash a virtual ESP32, which boots and says
// who it is. The board's flash is a file below .edgeflock/ and is kept from run to run.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import pc from "picocolors";
import { startVirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";
import { VisibleError } from "../../model/visible-error.ts";

export interface DemoBoard {
  projectFolder: string;
  /** Text of the class's flash script. */
  script: string;
  device: string;
  /** PATH with kubectl and esptool, KUBECONFIG. */
  env: NodeJS.ProcessEnv;
}

export async function flashVirtualBoard(board: DemoBoard): Promise<void> {
  const flash = join(board.projectFolder, ".edgeflock", "virtual-boards", `${board.device}.bin`);
  mkdirSync(dirname(flash), { recursive: true, mode: 0o700 });
  await using device = await startVirtualDevice({ chip: "esp32", flash });
  const { exitCode } = await execa("sh", ["-s", "--", board.device, "--port", device.url, "--yes"], {
    input: board.script,
    env: board.env,
    extendEnv: false,
    stdout: "inherit",
    stderr: "inherit",
    reject: false,
  });
  if (exitCode !== 0)
    throw new VisibleError(`The flash script ended with exit code ${exitCode}; the lines above say why.`);
  await device.waitFor(/edgeflock: device /, { timeoutMs: 20_000 });
  console.log(pc.dim("  console of the board:"));
  for (const line of device.console.filter((text) => text.includes("edgeflock:")))
    console.log(`  ${pc.green("│")} ${line}`);
}
