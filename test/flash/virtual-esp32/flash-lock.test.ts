import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { lockFlash } from "../../../flash/virtual-esp32/flash-lock.ts";
import { TestFolder } from "./support.ts";

const folder = new TestFolder();
afterAll(() => folder.remove());
const MODULE = fileURLToPath(new URL("../../../flash/virtual-esp32/flash-lock.ts", import.meta.url));
/** No process has it: it is beyond what Linux gives out. */
const DEAD = 4_194_999;

describe("the lock of a flash file", () => {
  it("is held once, and free again when it was given back", () => {
    const flash = folder.file("once.bin");
    const unlock = lockFlash(flash);
    expect(readFileSync(`${flash}.lock`, "utf8")).toBe(`${process.pid}\n`);
    expect(() => lockFlash(flash)).toThrow(`in use by another virtual board (process ${process.pid})`);
    unlock();
    lockFlash(flash)();
    expect(readdirSync(folder.path).filter((name) => name.startsWith("once.bin"))).toEqual([]);
  });

  it("is not taken from another when one's own was removed by hand", () => {
    const flash = folder.file("removed.bin");
    const unlock = lockFlash(flash);
    const others = `${flash}.lock`;
    writeFileSync(`${others}.new`, "1\n");
    // renamed over ours, with an inode of its own
    renameSync(`${others}.new`, others);
    unlock();
    expect(existsSync(others)).toBe(true);
  });

  it("of a process that has died goes to one of many that want it at once, however often", {
    timeout: 60_000,
  }, async () => {
    const flash = folder.file("raced.bin");
    const script = `
      import { writeFileSync, existsSync, readFileSync } from "node:fs";
      const { lockFlash } = await import(${JSON.stringify(MODULE)});
      const flash = ${JSON.stringify(flash)};
      let held = 0;
      const until = Date.now() + 3000;
      while (Date.now() < until) {
        let unlock;
        try { unlock = lockFlash(flash); } catch { continue; }
        held++;
        // what only the holder does: two at once would see the other's mark
        if (existsSync(flash + ".held")) { console.log("TWO"); process.exit(3); }
        writeFileSync(flash + ".held", "");
        (await import("node:fs")).rmSync(flash + ".held");
        // dies with the lock, as after a kill -9: the next must take it over
        if (held % 2) writeFileSync(flash + ".lock", "${DEAD}\\n"); else unlock();
      }
      console.log("held " + held);`;
    const runs = Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
      let said = "";
      child.stdout.on("data", (text) => (said += text));
      child.stderr.on("data", (text) => (said += text));
      const [code] = await once(child, "close");
      return { code, said };
    });
    for (const { code, said } of await Promise.all(runs)) {
      expect(said).toMatch(/^held \d+\n$/);
      expect(code).toBe(0);
    }
  });
});
