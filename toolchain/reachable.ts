// Whether a server can be talked to at all, asked once a run. Opens network connections; one file in the cache.
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { VisibleError } from "../model/visible-error.ts";
import { cacheFolder } from "./cache-folder.ts";

/** A server that does not answer within this many milliseconds is taken for one that cannot be reached. */
export const CONNECT_WITHIN = 3_000;

/** Official downloads cannot be had from here: refused, not connected in time, or switched off. */
export class Unreachable extends Error {
  readonly why: string;
  /** It did not even refuse. */
  readonly silent: boolean;
  constructor(host: string, why: string, silent: boolean = false) {
    super(`${host} cannot be reached (${why})`);
    this.name = "Unreachable";
    this.why = why;
    this.silent = silent;
  }
}

/** A server that stayed silent is not asked again for an hour, by this run or another. */
const SILENT_REMEMBERED_FOR = 3_600_000;

const answers = new Map<string, Promise<void>>();

/**
 * Resolves where a connection to the URL's host can be opened. The answer is remembered for this run, so that many
 * tools do not each wait for the same silent server; silence is remembered between runs for an hour.
 * @throws Unreachable otherwise, after at most {@link CONNECT_WITHIN}
 */
export function reach(url: URL): Promise<void> {
  const { host, port } = endpoint(url);
  const key = `${host}:${port}`;
  const known = answers.get(key);
  if (known) return known;
  const answer = askServer(host, port);
  answers.set(key, answer);
  answer.catch(() => undefined);
  return answer;
}

/** Forgets what was remembered, so that the next {@link reach} asks again. */
export async function forgetUnreachable(): Promise<void> {
  answers.clear();
  await rm(silentFolder(), { recursive: true, force: true });
}

async function askServer(host: string, port: number): Promise<void> {
  const note = join(silentFolder(), encodeURIComponent(`${host}:${port}`));
  const silentSince = await stat(note).then(
    (found) => found.mtimeMs,
    () => undefined,
  );
  if (silentSince !== undefined && Date.now() - silentSince < SILENT_REMEMBERED_FOR) {
    throw new Unreachable(host, (await readFile(note, "utf8").catch(() => "")) || "silent a short while ago");
  }
  try {
    await tryConnect(host, port);
  } catch (error) {
    if (error instanceof Unreachable && error.silent) {
      // only to save time: a cache that cannot be written is reported by whoever needs it
      await mkdir(silentFolder(), { recursive: true, mode: 0o700 }).catch(() => undefined);
      await writeFile(note, error.why).catch(() => undefined);
    }
    throw error;
  }
}

function silentFolder(): string {
  return join(cacheFolder(), "silent-servers");
}

/** Behind a proxy that Node uses (NODE_USE_ENV_PROXY) it is the proxy that must answer. */
function endpoint(url: URL): { host: string; port: number } {
  const secure = url.protocol === "https:";
  const environment = process.env;
  const proxy = secure
    ? (environment.HTTPS_PROXY ?? environment.https_proxy)
    : (environment.HTTP_PROXY ?? environment.http_proxy);
  const target = environment.NODE_USE_ENV_PROXY === "1" && proxy ? new URL(proxy) : url;
  const standardPort = target.protocol === "https:" ? 443 : 80;
  return { host: target.hostname.replace(/^\[|\]$/g, ""), port: Number(target.port) || standardPort };
}

function tryConnect(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const end = (why?: string, silent?: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      if (why === undefined) resolve();
      else reject(new Unreachable(host, why, silent));
    };
    const timer = setTimeout(
      () => end(`no connection within ${CONNECT_WITHIN / 1000} s`, true),
      CONNECT_WITHIN,
    );
    socket.once("connect", () => end());
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

/**
 * Where an official file is fetched from: its own address, or below `EDGEFLOCK_DOWNLOAD_MIRROR` under the name of
 * its host.
 * @throws Unreachable where `EDGEFLOCK_DOWNLOADS=never` switches downloads off
 */
export function downloadAddress(official: string, environment: NodeJS.ProcessEnv = process.env): URL {
  const url = new URL(official);
  const downloads = environment.EDGEFLOCK_DOWNLOADS ?? "auto";
  if (downloads === "never") throw new Unreachable(url.host, "switched off by EDGEFLOCK_DOWNLOADS=never");
  if (downloads !== "auto") {
    throw new VisibleError(`EDGEFLOCK_DOWNLOADS is "${downloads}"; it takes "auto" or "never".`);
  }
  const mirror = environment.EDGEFLOCK_DOWNLOAD_MIRROR;
  if (!mirror) return url;
  if (!URL.canParse(mirror)) {
    throw new VisibleError(`EDGEFLOCK_DOWNLOAD_MIRROR is "${mirror}", which is no URL.`);
  }
  return new URL(`${mirror.replace(/\/+$/, "")}/${url.host}${url.pathname}`);
}
