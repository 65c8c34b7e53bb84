// Fetches one commit of a git repository. Starts git; writes the given folder.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";
import { runCommand } from "../toolchain/run-command.ts";
import type { GitSource } from "./kubernetes-job/contract.ts";

/**
 * Puts the files of the commit, or of the folder in it, into the folder `to`, without git's own.
 * @param scratch folder for what is needed meanwhile
 * @throws VisibleError where the repository does not give the commit, or it has no such folder
 */
export async function checkoutGit(source: GitSource, to: string, scratch: string): Promise<void> {
  const repository = await mkdtemp(join(scratch, "git-"));
  const git = (...words: string[]) =>
    runCommand(["git", ...LIMITS, ...words], {
      cwd: repository,
      env: environment(repository),
      timeout: 10 * 60_000,
      hint: "can the repository be reached, and does it have that commit? it has to be readable without a password",
    });
  try {
    await git("init", "--quiet");
    await git("fetch", "--quiet", "--depth", "1", "--no-tags", source.url, source.commit);
    await git("checkout", "--quiet", "--detach", "FETCH_HEAD");
    const { stdout } = await git("rev-parse", "HEAD");
    if (stdout.trim() !== source.commit) {
      throw new VisibleError(`${source.url} gave ${stdout.trim()} for the commit ${source.commit}`);
    }
    const from = join(repository, source.path ?? ".");
    await cp(from, to, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => path !== join(repository, ".git"),
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      throw new VisibleError(`${source.url} has no folder ${source.path} at ${source.commit}`);
    });
  } finally {
    await rm(repository, { recursive: true, force: true });
  }
}

/** Nothing of a repository runs, and nothing else than the web is asked. */
const LIMITS = [
  ...["-c", "protocol.allow=never", "-c", "protocol.https.allow=always", "-c", "protocol.http.allow=always"],
  ...["-c", "core.hooksPath=/dev/null", "-c", "credential.helper=", "-c", "init.defaultBranch=main"],
];

function environment(home: string): NodeJS.ProcessEnv {
  const { PATH, SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY, https_proxy, LD_LIBRARY_PATH, GIT_EXEC_PATH } =
    process.env;
  return {
    ...{ PATH, SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY, https_proxy, LD_LIBRARY_PATH, GIT_EXEC_PATH },
    HOME: home,
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_NOSYSTEM: "1",
    LC_ALL: "C",
  };
}
