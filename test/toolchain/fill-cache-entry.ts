// Run as a process of its own by cache-entry.test.ts: fills one entry slowly and says what it did.
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheEntry } from "../../toolchain/cache-entry.ts";
import { stderrProgress } from "../../toolchain/progress.ts";

const [root, log, milliseconds] = process.argv.slice(2);
const folder = await cacheEntry(
  "tools/one",
  async (partial) => {
    await appendFile(log!, `fill ${process.pid}\n`);
    await writeFile(join(partial, "first"), "1");
    await sleep(Number(milliseconds));
    await writeFile(join(partial, "second"), "2");
  },
  { what: "the one tool", root: root!, progress: stderrProgress() },
);
console.log(folder);
