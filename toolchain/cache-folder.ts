// Where everything that is downloaded or built is kept, outside of every checkout. Reads the environment only.
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/**
 * The folder that all checkouts of this user share: `EDGEFLOCK_CACHE`, else the platform's cache folder.
 * It may be deleted at any time; what is missing is downloaded or built again. It need not exist yet.
 */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment.EDGEFLOCK_CACHE;
  if (chosen) return resolve(chosen);
  return join(platformCacheFolder(environment), "edgeflock");
}

/** The XDG base directory rules, and what Apple and Microsoft lay down for theirs. */
function platformCacheFolder(environment: NodeJS.ProcessEnv): string {
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches");
  if (process.platform === "win32") return environment.LOCALAPPDATA ?? join(homedir(), "AppData", "Local");
  const xdg = environment.XDG_CACHE_HOME;
  // the XDG rules say that a relative path there is to be ignored
  return xdg && isAbsolute(xdg) ? xdg : join(homedir(), ".cache");
}
