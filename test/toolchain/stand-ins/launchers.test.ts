import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { createServer, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const BIN = fileURLToPath(new URL("../../../toolchain/stand-ins/bin/", import.meta.url));

let folder: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
});
afterEach(async () => {
  child?.kill("SIGKILL");
  child = undefined;
  await rm(folder, { recursive: true });
});

async function firstLine(launcher: string, ...args: string[]): Promise<string> {
  child = spawn(launcher, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const [chunk] = (await once(child.stdout!, "data")) as [Buffer];
  return chunk.toString();
}

describe("the launchers", () => {
  it("are those that Pulumi looks for", async () => {
    expect((await readdir(BIN)).sort()).toEqual([
      "pulumi-language-nodejs",
      "pulumi-resource-command",
      "pulumi-resource-kubernetes",
      "pulumi-resource-pulumi-nodejs",
      "pulumi-resource-random",
    ]);
  });

  it.for([
    "pulumi-language-nodejs",
    "pulumi-resource-command",
    "pulumi-resource-kubernetes",
    "pulumi-resource-random",
    "pulumi-resource-pulumi-nodejs",
  ])("%s serves from any folder and through a chain of links, and prints its port first", async (name) => {
    await symlink(join(BIN, name), join(folder, "first"));
    await symlink("first", join(folder, name));
    const engine = createTcpServer((socket) => socket.on("error", () => {}));
    engine.listen(0, "127.0.0.1");
    await once(engine, "listening");
    const { port } = engine.address() as AddressInfo;
    expect(await firstLine(join(folder, name), `127.0.0.1:${port}`)).toMatch(/^\d+\n$/);
    engine.close();
  });

  it("end when the engine is gone", async () => {
    const engine = createServer();
    const connected = new Promise<ServerHttp2Session>((resolve) =>
      engine.on("session", (session) => session.on("localSettings", () => resolve(session))),
    );
    engine.listen(0, "127.0.0.1");
    await once(engine, "listening");
    await firstLine(
      join(BIN, "pulumi-resource-random"),
      `127.0.0.1:${(engine.address() as AddressInfo).port}`,
    );
    const session = await connected;
    const ended = once(child!, "exit");
    engine.close();
    session.destroy();
    expect(await ended).toEqual([1, null]);
  });

  it("end cleanly when told to", async () => {
    await firstLine(join(BIN, "pulumi-resource-command"));
    const ended = once(child!, "exit");
    child!.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
  });
});
