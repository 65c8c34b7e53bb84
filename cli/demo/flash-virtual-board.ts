// The last step of the demo: the generated script and the real esptool flash a virtual ESP32, which boots and has to say
// that it is the device of the manifest, with its settings. The board's flash is a file below .edgeflock/ and is kept.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import pc from "picocolors";
import { startVirtualDevice, type VirtualDevice } from "../../flash/virtual-esp32/start-virtual-device.ts";
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { SETTINGS_DIGEST_ANNOTATION } from "../../model/annotations.ts";
import { deviceSecretName } from "../../model/names.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { BOARDS_FOLDER } from "./places.ts";

export interface DemoBoard {
  /** Text of the class's flash script. */
  script: string;
  device: string;
  deviceClass: string;
  /** Digest of the settings that the manifests give to the device. */
  settings: string;
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
  await saysWhoItIs(device, board);
  showConsole(device.console.filter((line) => line.includes("edgeflock:")));
}

/** What `pulumi up` made of the device's manifest, as the board announces it. */
export async function settingsOf(api: KubernetesApi, namespace: string, device: string): Promise<string> {
  const metadata = { name: deviceSecretName(device), namespace };
  const secret = await api.get<KubernetesObject>({ apiVersion: "v1", kind: "Secret", metadata });
  const digest = secret.metadata.annotations?.[SETTINGS_DIGEST_ANNOTATION];
  if (digest === undefined)
    throw new VisibleError(`Secret ${metadata.name} does not say which settings ${device} has.`);
  return digest;
}

/**
 * Waits until the board says that it is this device with these settings. It may have said before what it was until then:
 * it boots each time that esptool has left it.
 *
 * @throws VisibleError with what it says and what it should
 */
export async function saysWhoItIs(
  board: Pick<VirtualDevice, "console" | "waitFor">,
  { device, deviceClass, settings }: Pick<DemoBoard, "device" | "deviceClass" | "settings">,
  timeoutMs: number = 20_000,
): Promise<void> {
  const wanted = `device ${device}, class ${deviceClass}, firmware \\S+, config ${settings},`;
  await board.waitFor(new RegExp(`edgeflock: ${wanted}`), { timeoutMs }).catch((cause: unknown) => {
    const said = board.console.findLast((line) => line.includes("edgeflock: device "));
    throw new VisibleError(
      `The board should say that it is ${device} of class ${deviceClass} with settings ${settings}; it said ${said ? `"${said}"` : "nothing of the kind"}.`,
      { cause },
    );
  });
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
