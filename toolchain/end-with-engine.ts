// Ends the providers' process when the engine that started it is gone: killed, it could not say so, and a build or a
// write that went on here would meet those of the next update. Opens connections to the engine; ends this process.
import { connect } from "node:net";

const LOOK_EVERY = 1_000;
/** For builders to be ended and folders with secrets to be removed. */
const GRACE = 8_000;

let watching = false;

/** Once a process, and only in one that an engine started (its last argument is the engine's address). */
export function endWithEngine(argv: readonly string[] = process.argv): void {
  const address = /^(127\.0\.0\.1|localhost|\[::1\]):(\d+)$/.exec(argv.at(-1) ?? "");
  if (watching || !address || !argv[1]?.includes("dynamic-provider")) return;
  watching = true;
  const [, host = "", port] = address;
  setInterval(() => void look(host.replace(/[[\]]/g, ""), Number(port)), LOOK_EVERY).unref();
}

async function look(host: string, port: number): Promise<void> {
  if (await listens(host, port)) return;
  setTimeout(() => process.exit(1), GRACE).unref();
  // who has something to clean up listens to it
  process.kill(process.pid, "SIGTERM");
}

/** Whether somebody listens; a machine too busy to answer is no reason to end. */
function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
  });
}
