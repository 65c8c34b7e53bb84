import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const MODULE = new URL("../../toolchain/end-with-engine.ts", import.meta.url).href;

const LAUNCHER = fileURLToPath(
  new URL("../../toolchain/stand-ins/bin/pulumi-resource-pulumi-nodejs", import.meta.url),
);

/** A process that would run for ever, started as the engine starts the providers' host. */
function startHost(address: string) {
  const code = `import(${JSON.stringify(MODULE)}).then((m) => { m.endWithEngine([process.execPath, "cmd/dynamic-provider", ${JSON.stringify(address)}]); console.log("watching"); }); setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ["-e", code], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describe("the providers' process", () => {
  it("runs while the engine listens, and ends when it is gone", async () => {
    let looks = 0;
    const engine = createServer((socket) => {
      looks++;
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
    const host = startHost(`127.0.0.1:${(engine.address() as { port: number }).port}`);
    const ended = once(host, "exit");
    await once(host.stdout, "data");
    while (looks < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(host.exitCode).toBeNull();
    engine.close();
    expect(await ended).toEqual([null, "SIGTERM"]);
  });
  it("ends too where the engine is gone before it used a provider", async () => {
    const engine = createServer((socket) => socket.on("error", () => {}));
    await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
    const host = spawn(LAUNCHER, [`127.0.0.1:${(engine.address() as { port: number }).port}`], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(host, "exit");
    // its port: it serves
    await once(host.stdout, "data");
    engine.close();
    await ended;
  });
});
