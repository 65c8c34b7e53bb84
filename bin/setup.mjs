// Installs the project's dependencies where they are missing or older than the lock file; otherwise does nothing.
// Plain JavaScript without imports of our own: it runs first in a fresh clone, under whatever Node is there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(project, "node_modules");
const stamp = join(modules, ".edgeflock-setup");
const lock = join(project, ".edgeflock", "setup.lock");
const wanted = createHash("sha256")
  .update(readFileSync(join(project, "package-lock.json")))
  .digest("hex");

if (!isInstalled()) {
  const release = await acquire();
  try {
    if (!isInstalled()) install();
  } finally {
    release();
  }
}

function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
}

function install() {
  console.error("Installing Edgeflock's npm packages (once; about half a minute) …");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // Everything goes to stderr: stdout belongs to the command that comes after.
  const options = { cwd: project, stdio: ["ignore", 2, 2], shell: process.platform === "win32" };
  // "ci" begins by deleting node_modules, under the feet of whatever still runs from it.
  const command = existsSync(modules) ? "install" : "ci";
  const result = spawnSync(npm, [command, "--no-audit", "--no-fund", "--loglevel=error"], options);
  if (result.status !== 0) {
    console.error(
      "npm failed; the lines above say why. It needs the network and a writable node_modules folder.",
    );
    process.exit(result.status ?? 1);
  }
  writeFileSync(stamp, wanted);
}

/** Two commands at once in one checkout: the second waits. The lock of a process that is gone is taken over. */
async function acquire() {
  mkdirSync(dirname(lock), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return () => rmSync(lock, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (isStale()) rmSync(lock, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

function isStale() {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    if (!pid) return Date.now() - statSync(lock).mtimeMs > 5000;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}
