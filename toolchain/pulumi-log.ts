// Pulumi's automatic log: off, unless somebody wants it. Writes one file below pulumi's home.
import { lstat, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const NOTE = `A file here, where pulumi would make a folder, keeps it from writing its automatic logs: all that it and
the program say to one another, megabytes a run. With EDGEFLOCK_DEBUG=1 it writes them; they are in debug-logs afterwards.
`;

/**
 * pulumi 3.255 writes whatever it could log into `<home>/logs`, encrypted once it knows the stack, and has no setting
 * against it: for a fleet of 1,000 devices 25 MB a preview, and 3.6 of pulumi's 6 s of CPU time. It goes on without
 * where it cannot make the folder. https://github.com/pulumi/pulumi, pkg/logging/encrypted.go (StartLogging)
 *
 * @param home PULUMI_HOME, of the project's own
 */
export async function withoutAutomaticLog(home: string): Promise<void> {
  const logs = join(home, "logs");
  const isFolder = await lstat(logs).then(
    (stats) => stats.isDirectory(),
    () => undefined,
  );
  if (process.env.EDGEFLOCK_DEBUG) {
    if (isFolder === false) await rm(logs, { force: true });
    return;
  }
  if (isFolder === false) return;
  if (isFolder) await keep(logs, join(home, "debug-logs"));
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(logs, NOTE, { mode: 0o600 });
}

async function keep(logs: string, kept: string): Promise<void> {
  await rm(kept, { recursive: true, force: true });
  await rename(logs, kept);
}
