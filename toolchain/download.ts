// Fetches one official file and checks it before anybody uses it. Uses the network, writes one file.
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { downloadAddress, reach, Unreachable } from "./reachable.ts";
import { PINNED_SHA256 } from "./versions.ts";

export interface OfficialFile {
  /** https address of the publisher's own server. */
  url: string;
  /** The publisher's checksum file: bare digest, or lines of `<sha256>  <file name>`. */
  checksums: string;
}

export interface DownloadOptions {
  signal?: AbortSignal | undefined;
  /** How much has come, for progress. */
  note?: (text: string) => void;
}

/** What was fetched is not what the publisher (or the pin) says. The file is never used. */
export class NotAsPublished extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotAsPublished";
  }
}

/** The connection broke, again and again, or the server did not have the file. */
export class DownloadFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DownloadFailed";
  }
}

const ATTEMPTS = 3;
const SILENT_FOR = 30_000;
const MOST_REDIRECTS = 5;

/**
 * Writes the official file to `path`, which is complete and checked when this resolves.
 * @throws Unreachable | DownloadFailed | NotAsPublished, for which there is a way round
 */
export async function download(
  file: OfficialFile,
  path: string,
  options: DownloadOptions = {},
): Promise<void> {
  const name = fileName(file.url);
  const expected = PINNED_SHA256[name] ?? digestOf(name, await fetchText(file.checksums, options));
  for (let attempt = 1; ; attempt += 1) {
    try {
      const actual = await fetchToFile(file.url, path, options);
      if (actual === expected) return;
      throw new NotAsPublished(`${name} has SHA-256 ${actual}, but ${expected} is published.`);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (attempt === ATTEMPTS || !(error instanceof DownloadFailed)) throw error;
      await sleep(500 * attempt, undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}

/**
 * Resolves where the server has the file, without fetching it.
 * @throws Unreachable otherwise
 */
export async function checkServed(official: string, signal?: AbortSignal): Promise<void> {
  const stop = AbortSignal.timeout(SILENT_FOR);
  const url = downloadAddress(official);
  try {
    await openUrl(url, signal ? AbortSignal.any([signal, stop]) : stop, "HEAD");
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof Unreachable ? error : new Unreachable(url.host, (error as Error).message);
  }
}

/** The digest of one file in a checksum file. */
export function digestOf(name: string, text: string): string {
  const lines = text.trim().split(/\r?\n/);
  const bare = lines.length === 1 && /^[0-9a-f]{64}$/i.test(lines[0] ?? "") ? lines[0] : undefined;
  const listed = lines
    .map((line) => /^([0-9a-f]{64})\s+\*?(\S+)$/i.exec(line))
    .find((m) => m?.[2] === name)?.[1];
  const digest = bare ?? listed;
  if (!digest) throw new NotAsPublished(`The publisher's checksum file has no SHA-256 for ${name}.`);
  return digest.toLowerCase();
}

async function fetchText(url: string, options: DownloadOptions): Promise<string> {
  return withBody(url, options, async (chunks) => {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > 2 ** 20) throw new NotAsPublished(`${url} is too large for a checksum file.`);
      parts.push(chunk);
    }
    return Buffer.concat(parts).toString("utf8");
  });
}

async function fetchToFile(url: string, path: string, options: DownloadOptions): Promise<string> {
  const file = await open(path, "w", 0o600);
  try {
    return await withBody(url, options, async (chunks, length) => {
      const hash = createHash("sha256");
      let size = 0;
      for await (const chunk of chunks) {
        hash.update(chunk);
        await file.write(chunk);
        size += chunk.length;
        options.note?.(`${megabytes(size)}${length ? ` of ${megabytes(length)}` : ""} MB`);
      }
      if (length !== undefined && size !== length) {
        throw new DownloadFailed(`${url} ended after ${size} of ${length} bytes`);
      }
      return hash.digest("hex");
    });
  } finally {
    await file.close();
  }
}

type Chunks = AsyncIterable<Uint8Array>;

/** Opens the address, follows redirects, and hands over the body; a broken connection is a DownloadFailed. */
async function withBody<T>(
  official: string,
  options: DownloadOptions,
  use: (chunks: Chunks, length: number | undefined) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let timer = setTimeout(() => stop.abort(), SILENT_FOR);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(), SILENT_FOR);
  };
  try {
    const response = await openUrl(downloadAddress(official), signal);
    const length = response.headers.get("content-encoding") ? null : response.headers.get("content-length");
    const body = response.body;
    if (!body) throw new DownloadFailed(`${official} has no content`);
    const chunks = async function* () {
      for await (const chunk of body) {
        alive();
        yield chunk;
      }
    };
    return await use(chunks(), length === null ? undefined : Number(length));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (stop.signal.aborted) throw new DownloadFailed(`${official} sent nothing for ${SILENT_FOR / 1000} s`);
    // what fetch throws for a connection that breaks; errors of the disk have a code of their own and pass
    if (error instanceof TypeError || isConnectionError(error)) {
      throw new DownloadFailed(`${official}: ${(error as Error).message}`);
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function openUrl(start: URL, signal: AbortSignal, method: "GET" | "HEAD" = "GET"): Promise<Response> {
  let url = start;
  for (let hop = 0; hop <= MOST_REDIRECTS; hop += 1) {
    await reach(url);
    const response = await fetch(url, { method, redirect: "manual", signal });
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location) {
      await response.body?.cancel();
      const next = new URL(location, url);
      if (url.protocol === "https:" && next.protocol !== "https:") {
        throw new NotAsPublished(`${url.host} sends on to an address without TLS.`);
      }
      url = next;
      continue;
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw new Unreachable(url.host, `it answers ${response.status}`);
  }
  throw new Unreachable(start.host, "too many redirects");
}

function isConnectionError(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^(ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|UND_ERR_.*|ERR_STREAM_PREMATURE_CLOSE)$/.test(code);
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

/** The last part of an address. */
export function fileName(url: string): string {
  return new URL(url).pathname.split("/").at(-1) ?? "";
}
