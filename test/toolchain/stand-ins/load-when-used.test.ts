import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";

const PRELOAD = new URL("../../../toolchain/stand-ins/load-when-used.ts", import.meta.url).href;
const SDK = fileURLToPath(new URL("../../../node_modules/@pulumi/pulumi", import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(file: string, text: string): Promise<string> {
  const path = join(folder, "node_modules", file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

async function run(...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, args, { cwd: folder })).stdout;
}

/** An SDK of which each rarely used part says when it is loaded. */
async function sdk(runner: string): Promise<string> {
  await write("@pulumi/pulumi/typescript-shim.js", 'console.log("typescript"); exports.version = "1.2";');
  await write(
    "@npmcli/arborist/index.js",
    'console.log("arborist"); module.exports = class Tree { size = 3; static kind = "tree"; };',
  );
  return write("@pulumi/pulumi/cmd/run/index.js", runner);
}

it("loads what importers only ask for when they use it, once, and then it is what it always was", async () => {
  const runner = await sdk(`
    const star = (m) => m.__esModule ? m : { ...m };
    const ts = star(require("../../typescript-shim"));
    const Tree = require("@npmcli/arborist");
    console.log("nothing yet");
    console.log(ts.version, "version" in ts, Object.keys(ts).join(), Object.hasOwn(ts, "version"));
    ts.more = 1;
    console.log(require("../../typescript-shim").more);
    console.log(new Tree().size, Tree.kind);
  `);
  const said = await run("--import", PRELOAD, runner);
  expect(said.trim().split("\n")).toEqual([
    "nothing yet",
    "typescript",
    "1.2 true version true",
    "1",
    "arborist",
    "3 tree",
  ]);
  expect((await run(runner)).startsWith("typescript\narborist\nnothing yet")).toBe(true);
});

it("leaves other programs alone, and versions of the SDK without such parts", async () => {
  await sdk("");
  const other = await write("other/main.js", 'require("@npmcli/arborist"); console.log("loaded");');
  expect(await run("--import", PRELOAD, other)).toBe("arborist\nloaded\n");
  const bare = await write("bare/node_modules/@pulumi/pulumi/cmd/run/index.js", 'console.log("runs")');
  expect(await run("--import", PRELOAD, bare)).toBe("runs\n");
});

it("spares the SDK of this checkout most of what it loads", async () => {
  const runner = join(SDK, "cmd", "run", "loaded.js");
  const asks = `process.argv[1] = ${JSON.stringify(runner)}`;
  const preload = `data:text/javascript,${encodeURIComponent(`${asks}; await import(${JSON.stringify(PRELOAD)})`)}`;
  const main = await write(
    "main.cjs",
    `const pulumi = require(${JSON.stringify(SDK)});
     const loaded = () => Object.keys(require.cache).filter((path) => path.endsWith("/typescript/lib/typescript.js")).length;
     console.log(loaded(), typeof pulumi.runtime.serializeFunction);
     pulumi.runtime.serializeFunction(() => 1).then(({ text }) => console.log(loaded(), text.includes("=> 1")));
     console.log(typeof pulumi.automation.LocalWorkspace);`,
  );
  const said = await run("--import", preload, main);
  expect(said.trim().split("\n")).toEqual(["0 function", "function", "1 true"]);
});
