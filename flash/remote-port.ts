// Environment and script text that make rfc2217:// ports quick for any esptool that a Python on PATH runs; the reason is
// in remote-port/sitecustomize.py. Reads that file.
import { readFileSync } from "node:fs";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = new URL("remote-port/", import.meta.url);

/** What an esptool for this port is started with, besides the environment that it would have. */
export function remotePortEnvironment(
  port: string,
  environment: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  if (!port.startsWith("rfc2217://")) return {};
  const path = [fileURLToPath(FOLDER), environment.PYTHONPATH].filter(Boolean).join(delimiter);
  return { PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: "1" };
}

/** A shell function that prints the file. */
export function remotePortFunction(): string {
  const text = readFileSync(new URL("sitecustomize.py", FOLDER), "utf8");
  return `# ---- Remote ports --------------------------------------------------------------------------------------

remote_port_python() {
  cat <<'PYTHON'
${text}PYTHON
}
`;
}
