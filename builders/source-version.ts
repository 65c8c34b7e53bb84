// Which version of a source tree was built, as git knows it. Asks git; changes nothing.
import { execa } from "execa";

export interface SourceVersion {
  /** 40 (or 64) hexadecimal digits. */
  commit: string;
  /** `git describe`: "v1.4-3-g0123456789ab", or the commit's first digits where there is no tag. */
  describe: string;
  /** Whether the tree held what was not committed. */
  dirty?: true;
}

/** @returns undefined where git does not know the folder: no repository, nothing of it committed, no git */
export async function sourceVersion(folder: string): Promise<SourceVersion | undefined> {
  const git = async (...args: string[]): Promise<string | undefined> => {
    const ran = await execa("git", ["-C", folder, ...args], {
      env: { GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" },
      reject: false,
      timeout: 20_000,
      stdin: "ignore",
    });
    return ran.exitCode === 0 ? ran.stdout.trim() : undefined;
  };
  // a folder below node_modules lies in its user's repository, but is no part of it
  if (!(await git("ls-files", "--", "."))) return undefined;
  const commit = await git("rev-parse", "HEAD");
  if (commit === undefined || !/^[0-9a-f]{40,64}$/.test(commit)) return undefined;
  const describe = (await git("describe", "--tags", "--always", "--abbrev=12")) ?? commit.slice(0, 12);
  const dirty = (await git("status", "--porcelain", "--", ".")) !== "";
  return { commit, describe: dirty ? `${describe}-dirty` : describe, ...(dirty && { dirty: true }) };
}
