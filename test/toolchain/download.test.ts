import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { DownloadFailed, digestOf, download, NotAsPublished } from "../../toolchain/download.ts";
import { downloadAddress, Unreachable } from "../../toolchain/reachable.ts";
import { publisher, type Reply, sha256 } from "./publisher.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const FILE = { url: "https://files.example/tool.bin", checksums: "https://files.example/tool.bin.sha256" };
const BODY = Buffer.alloc(300_000, "tool");

beforeEach(() => vi.stubEnv("EDGEFLOCK_CACHE", temporaryFolder()));
afterEach(() => vi.unstubAllEnvs());

async function fetchWith(body: Reply, digest = sha256(BODY)): Promise<{ path: string; asked: string[] }> {
  const server = await publisher({
    "/files.example/tool.bin": body,
    "/files.example/tool.bin.sha256": { body: Buffer.from(`${digest}\n`) },
  });
  vi.stubEnv("EDGEFLOCK_DOWNLOAD_MIRROR", server.url);
  const path = join(temporaryFolder(), "tool.bin");
  await download(FILE, path);
  return { path, asked: server.asked };
}

describe("a download", () => {
  it("is checked against the publisher's digest", async () => {
    const { path } = await fetchWith({ body: BODY });
    expect(readFileSync(path).equals(BODY)).toBe(true);
  });

  it("that is cut is fetched again", async () => {
    const { path, asked } = await fetchWith({ body: BODY, cutAfter: 100_000, times: 2 });
    expect(readFileSync(path).equals(BODY)).toBe(true);
    expect(asked.filter((each) => each.endsWith("tool.bin"))).toHaveLength(3);
  });

  it("that is cut again and again fails as such", async () => {
    await expect(fetchWith({ body: BODY, cutAfter: 100_000, times: 9 })).rejects.toBeInstanceOf(
      DownloadFailed,
    );
  });

  it("of anything else than what was published is refused", async () => {
    const other = fetchWith({ body: BODY }, sha256(Buffer.from("another")));
    await expect(other).rejects.toThrow(/tool\.bin has SHA-256 [0-9a-f]{64}, but [0-9a-f]{64} is published/);
  });

  it("is refused where a page of a captive portal stands in for the checksums", async () => {
    const page = { body: Buffer.from("<html>Please log in</html>") };
    const server = await publisher({
      "/files.example/tool.bin": { body: BODY },
      "/files.example/tool.bin.sha256": page,
    });
    vi.stubEnv("EDGEFLOCK_DOWNLOAD_MIRROR", server.url);
    const path = join(temporaryFolder(), "tool.bin");
    await expect(download(FILE, path)).rejects.toBeInstanceOf(NotAsPublished);
  });

  it("follows redirects, within limits", async () => {
    const { path } = await fetchWith({ body: BODY });
    expect(readFileSync(path).length).toBe(BODY.length);
    const loop = { redirect: "/files.example/tool.bin" };
    await expect(fetchWith(loop)).rejects.toThrow("too many redirects");
  });

  it("that the server does not have counts as unreachable", async () => {
    await expect(fetchWith({ status: 403 })).rejects.toBeInstanceOf(Unreachable);
  });

  it("whose connection is refused falls through at once", async () => {
    const port = await closedPort();
    vi.stubEnv("EDGEFLOCK_DOWNLOAD_MIRROR", `http://127.0.0.1:${port}`);
    await expect(download(FILE, join(temporaryFolder(), "f"))).rejects.toThrow(/ECONNREFUSED/);
  });

  it("whose server stays silent is given up after 3 s, and later ones at once", async () => {
    vi.stubEnv("EDGEFLOCK_DOWNLOAD_MIRROR", `http://127.0.0.1:${await silentPort()}`);
    const attempt = () => download(FILE, join(temporaryFolder(), "f"));
    const started = performance.now();
    await expect(attempt()).rejects.toThrow("no connection within 3 s");
    const first = performance.now() - started;
    for (let more = 0; more < 20; more += 1) await expect(attempt()).rejects.toBeInstanceOf(Unreachable);
    const all = performance.now() - started;
    expect(first).toBeGreaterThan(2_500);
    // twenty more would be a minute if each of them waited
    expect(all - first).toBeLessThan(first);
  });

  it("is not even tried where EDGEFLOCK_DOWNLOADS=never", () => {
    expect(() => downloadAddress(FILE.url, { EDGEFLOCK_DOWNLOADS: "never" })).toThrow(Unreachable);
    expect(() => downloadAddress(FILE.url, { EDGEFLOCK_DOWNLOADS: "nope" })).toThrow(
      'it takes "auto" or "never"',
    );
    expect(downloadAddress(FILE.url, {}).href).toBe(FILE.url);
  });
});

describe("a checksum file", () => {
  const digest = "a".repeat(64);

  it("is a bare digest or a list with file names", () => {
    expect(digestOf("x", `${digest}\n`)).toBe(digest);
    expect(digestOf("x", `${"b".repeat(64)}  y\n${digest}  x\n`)).toBe(digest);
    expect(digestOf("x", `${digest.toUpperCase()} *x\n`)).toBe(digest);
  });

  it("that does not name the file vouches for nothing", () => {
    expect(() => digestOf("x", `${digest}  xy\n${digest}  y\n`)).toThrow("no SHA-256 for x");
    expect(() => digestOf("x", "")).toThrow(NotAsPublished);
  });
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}

/** A listener whose queue is full: the kernel answers no further connection, as behind a firewall that drops. */
async function silentPort(): Promise<number> {
  const program = [
    "import socket, sys",
    "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(0)",
    "filling = [socket.socket() for _ in range(4)]",
    "for f in filling: f.setblocking(False); f.connect_ex(s.getsockname())",
    "print(s.getsockname()[1], flush=True); sys.stdin.read()",
  ].join("\n");
  const python = spawn("python3", ["-c", program], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void python.kill());
  const [line] = (await once(python.stdout, "data")) as [Buffer];
  return Number(line.toString());
}
