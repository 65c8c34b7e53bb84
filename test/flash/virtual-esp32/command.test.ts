// `edgeflock virtual-device` as a process of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, describe, expect, it } from "vitest";
import { isAlive } from "../../../toolchain/is-alive.ts";
import { flashFileOf, imagesOf, TestFolder, until } from "./support.ts";

const folder = new TestFolder();
afterAll(() => folder.remove());
const EDGEFLOCK = fileURLToPath(new URL("../../../bin/edgeflock.mjs", import.meta.url));

function run(...args: string[]) {
  return execa(process.execPath, [EDGEFLOCK, "virtual-device", ...args], {
    reject: false,
    all: true,
    timeout: 25_000,
  });
}

interface Running {
  child: ChildProcess;
  out: () => string;
  err: () => string;
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [EDGEFLOCK, "virtual-device", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { out: "", err: "" };
  child.stdout?.setEncoding("utf8").on("data", (data) => (text.out += data));
  child.stderr?.setEncoding("utf8").on("data", (data) => (text.err += data));
  return { child, out: () => text.out, err: () => text.err };
}

describe("edgeflock virtual-device", () => {
  it("prints one line of JSON when it is ready, shows the console on stderr, and ends cleanly on Ctrl-C", async () => {
    const flash = flashFileOf(folder.file("json.bin"), imagesOf('echo "I am up"; sleep 100'));
    const { child, out, err } = start("--flash", flash, "--boot", "--json", "--mac", "02:00:00:00:00:01");
    await until(() => out().includes("\n") && err().includes("I am up"));
    const ready = JSON.parse(out());
    expect(ready).toEqual({
      url: `socket://127.0.0.1:${ready.port}`,
      port: expect.any(Number),
      mac: "02:00:00:00:00:01",
      chip: "esp32",
      flash,
      pid: child.pid,
    });
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(existsSync(`${flash}.lock`)).toBe(false);
  });

  it("tells a person how to flash it, and puts the console on stdout", async () => {
    const { child, out, err } = start(
      "--chip",
      "esp32c3",
      "--flash",
      folder.file("plain.bin"),
      "--flash-size",
      "1MB",
    );
    await until(() => err().includes("Ctrl-C") && out().includes("waiting for download"));
    expect(err()).toMatch(
      /esptool --chip esp32c3 --port socket:\/\/127\.0\.0\.1:\d+ write-flash 0x0 firmware\.bin/,
    );
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  it("takes the firmware and its files along even when it is killed", async () => {
    const flash = flashFileOf(folder.file("killed.bin"), imagesOf('pwd; echo "pid $$"; sleep 1000'));
    const { child, out } = start("--flash", flash, "--boot");
    await until(() => /pid \d+/.test(out()));
    const pid = Number(/pid (\d+)/.exec(out())?.[1]);
    const home = /^.*edgeflock-board-.*$/m.exec(out())?.[0] ?? "";
    expect(isAlive(pid) && existsSync(home)).toBe(true);
    child.kill("SIGKILL");
    await until(() => !isAlive(pid) && !existsSync(home));
    // and its flash can be used again at once
    const again = start("--flash", flash, "--boot", "--json");
    await until(() => again.out().includes("url"));
    again.child.kill("SIGTERM");
    await once(again.child, "exit");
  });

  it("explains itself", async () => {
    const { all, exitCode } = await run("--help");
    for (const word of ["--chip", "--boot", "rfc2217://127.0.0.1:5555", "bad-block@ADDRESS", "Examples"]) {
      expect(all).toContain(word);
    }
    expect(exitCode).toBe(0);
  });

  it.each([
    [["--flash", "x.bin", "--fault", "explode"], '"explode" is no fault'],
    [["--flash", "x.bin", "--port", "many"], '--port takes a whole number, not "many"'],
    [["--flash", "x.bin", "--chip", "esp8266"], "esp8266"],
    [["--flash", "/nowhere/at/all.bin"], "cannot lock the flash file"],
    [[], "required option '--flash <file>'"],
  ])("%j: a sentence, exit code 1, no stack trace", async (args, message) => {
    const { all, exitCode } = await run(...args);
    expect(all).toContain(message);
    expect(all).not.toMatch(/\n\s+at /);
    expect(exitCode).toBe(1);
  });
});
