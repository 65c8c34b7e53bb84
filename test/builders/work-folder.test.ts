import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { sweepWorkFolders } from "../../builders/work-folder.ts";
import { temporaryCache, workFolder, writeFiles } from "./support.ts";

const place = temporaryCache();
const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

/** A program that makes a work folder with a secret, says where, and then does what `rest` says. */
async function otherProcess(rest: string) {
  const module = new URL("../../builders/work-folder.ts", import.meta.url).href;
  const source = `
    import { WorkFolder } from ${JSON.stringify(module)};
    const work = await WorkFolder.create({ args: {}, classFacts: {}, secrets: { key: "hunter2" } });
    console.log(work.path);
    ${rest}`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", source], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [path] = (await once(child.stdout, "data")) as [Buffer];
  return { child, path: path.toString().trim() };
}

/** A file that nobody may write to, as a builder replaces it. */
async function replace(path: string, text: string): Promise<void> {
  await rm(path);
  await writeFile(path, text);
}

describe("a work folder", () => {
  it("has the layout of the contract, for this user alone", async () => {
    const source = await writeFiles(join(place.folder, "src"), {
      "main.c": "int x;",
      "tools/run.sh": "#!/bin/sh\n",
    });
    const work = await workFolder({
      source,
      args: { board: "esp32-cam" },
      secrets: { "wifi.password": "hunter2" },
    });
    const input = join(work.path, "input");
    expect(await mode(work.path)).toBe("700");
    expect(await readFile(join(input, "source/main.c"), "utf8")).toBe("int x;");
    expect(await mode(join(input, "source/main.c"))).toBe("444");
    expect(await mode(join(input, "source/tools"))).toBe("555");
    expect(await mode(join(input, "source"))).toBe("555");
    expect(JSON.parse(await readFile(join(input, "args.json"), "utf8"))).toEqual({ board: "esp32-cam" });
    expect(await readFile(join(input, "secrets/wifi.password"), "utf8")).toBe("hunter2");
    expect(await mode(join(input, "secrets/wifi.password"))).toBe("600");
    expect(await readdir(work.output)).toEqual([]);
    await work.remove();
    expect(existsSync(work.path)).toBe(false);
  });

  it("refuses a secret whose key is no name of a file, and leaves nothing behind", async () => {
    await expect(workFolder({ secrets: { "../../x": "v" } })).rejects.toThrow("cannot be the name of a file");
    expect(await readdir(join(place.cache, "work"))).toEqual([]);
  });

  it.each([
    ["args.json", (path: string) => replace(path, "{}")],
    ["class.json", (path: string) => replace(path, "{}")],
    ["settings.json", (path: string) => rm(path)],
    ["secrets/key", (path: string) => writeFile(path, "another")],
    ["secrets/more", (path: string) => writeFile(path, "hidden here")],
    ["args.json", (path: string) => rm(path).then(() => symlink("/etc/hostname", path))],
  ])("notices a builder that changes input/%s", async (name, change) => {
    const work = await workFolder({ args: { a: 1 }, settings: {}, secrets: { key: "hunter2" } });
    await work.checkBoundaries();
    await change(join(work.path, "input", name));
    const error = (await work.checkBoundaries().catch((caught: unknown) => caught)) as Error;
    expect(error.message).toBe(`the builder changed its input, which is for reading only: input/${name}`);
    await work.remove();
  });

  it("goes away when its process ends without tidying up", async () => {
    const { child, path } = await otherProcess("process.exit(3)");
    await once(child, "exit");
    expect(existsSync(path)).toBe(false);
  });

  it("that a killed process left is swept at the next start, with the processes of that build", async () => {
    const { child, path } = await otherProcess(`
      const { spawn } = await import("node:child_process");
      const env = { ...process.env, EDGEFLOCK_BUILD: work.mark };
      const left = spawn("sleep", ["1000"], { env, detached: true, stdio: "ignore" });
      console.log(left.pid);
      process.stdin.resume();`);
    const [pid] = (await once(child.stdout!, "data")) as [Buffer];
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(join(path, "input/secrets/key"))).toBe(true);
    const work = await workFolder();
    expect(existsSync(path)).toBe(false);
    expect(existsSync(work.path)).toBe(true);
    // a signal is delivered when its receiver runs next
    await vi.waitFor(async () => {
      const status = await readFile(`/proc/${pid.toString().trim()}/stat`, "utf8").catch(() => ") Z ");
      expect(status).toMatch(/\) Z /);
    }, 10_000);
    await work.remove();
  });

  it("of a process that still runs is left alone", async () => {
    const { child, path } = await otherProcess("process.stdin.resume();");
    await sweepWorkFolders(join(place.cache, "work"));
    expect(existsSync(path)).toBe(true);
    child.stdin.end();
    await once(child, "exit");
  });

  it("of another machine or container is left alone while it is fresh", async () => {
    const root = join(place.cache, "work");
    await writeFiles(root, { "1-1-abcdefab-12345678-ffff/input/x": "" });
    await sweepWorkFolders(root);
    expect(await readdir(root)).toEqual(["1-1-abcdefab-12345678-ffff"]);
  });
});
