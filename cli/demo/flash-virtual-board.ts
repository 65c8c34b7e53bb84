// The last step of the demo: the generated script and the real esptool flash a virtual ESP32, which boots and says
// who it is. The board's flash is a file below .edgeflock/ and is kept from run to run.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import pc from "picocolors";
import { startVirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { BOARDS_FOLDER } from "./places.ts";

export interface DemoBoard {
  /** Text of the class's flash script. */
  script: string;
  device: string;
  /** PATH with kubectl and esptool, KUBECONFIG. */
  env: NodeJS.ProcessEnv;
}

export async function flashVirtualBoard(board: DemoBoard): Promise<void> {
  const flash = join(BOARDS_FOLDER, `${board.device}.bin`);
  mkdirSync(dirname(flash), { recursive: true, mode: 0o700 });
  await using device = await startVirtualDevice({ chip: "esp32", flash });
  // The script names the firmware's digest: an unchanged one means that only the configuration can be new.
  const record = `${flash}.flashed-by`;
  const digest = createHash("sha256").update(board.script).digest("hex");
  const same = existsSync(record) && readFileSync(record, "utf8") === digest;
  const only = same ? ["--config-only"] : [];
  const { exitCode } = await execa("sh", ["-s", "--", board.device, "--port", device.url, "--yes", ...only], {
    input: board.script,
    env: board.env,
    extendEnv: false,
    stdout: "inherit",
    stderr: "inherit",
    reject: false,
  });
  if (exitCode !== 0)
    throw new VisibleError(`The flash script ended with exit code ${exitCode}; the lines above say why.`);
  writeFileSync(record, digest);
  await device.waitFor(/edgeflock: device /, { timeoutMs: 20_000 });
  showConsole(device.console.filter((line) => line.includes("edgeflock:")));
}

/** Who the board says it is, and the names of the settings that it found; it never prints values. */
function showConsole(lines: readonly string[]): void {
  const settings = lines.filter((line) => line.includes("edgeflock:   "));
  console.log(pc.dim("  The board's own console, after its restart:"));
  for (const line of lines.filter((text) => !settings.includes(text)))
    console.log(`  ${pc.green("│")} ${line}`);
  const names = settings.map((line) => line.replace(/^.*edgeflock: +/, "").replace(/ \(.*$/, ""));
  console.log(`  ${pc.green("│")} ${pc.dim(`and it read ${names.length} settings: ${names.join(", ")}`)}`);
}
