// `npm run bench -- NAME… [--json] [--write] [--sizes N,N]`: runs benchmarks one after the other and prints their
// tables; --write puts them into docs/benchmarks.md, with the machine and the day.
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { stderrProgress } from "../toolchain/progress.ts";
import { type Row, rowsTable } from "./row.ts";

export type { Row } from "./row.ts";

interface Benchmark {
  /** @param options `sizes`: of fleets, for a benchmark that has several */
  run(options: { sizes?: readonly number[] | undefined }): Promise<Row[]>;
}

const BENCHMARKS: Record<string, () => Promise<Benchmark>> = {
  broker: () => import("./broker.ts"),
  flash: () => import("./flash.ts"),
  jobs: () => import("./jobs.ts"),
  nvs: () => import("./nvs.ts"),
  reconcile: () => import("./reconcile.ts"),
  scale: () => import("./scale.ts"),
};
const PAGE = fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url));

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, write: { type: "boolean" }, sizes: { type: "string" } },
  });
  const sizes = values.sizes?.split(",").map(Number);
  const unknown = positionals.filter((name) => !Object.hasOwn(BENCHMARKS, name));
  const wrongSizes = sizes?.some((size) => !Number.isInteger(size) || size < 1) ?? false;
  if (positionals.length === 0 || unknown.length > 0 || wrongSizes) {
    console.error(
      `usage: npm run bench -- NAME… [--json] [--write] [--sizes 100,1000]\nbenchmarks: ${Object.keys(BENCHMARKS).join(", ")}`,
    );
    process.exitCode = 2;
    return;
  }
  const results: Record<string, Row[]> = {};
  for (const name of positionals) {
    const { run } = await BENCHMARKS[name]!();
    const rows = await stderrProgress().step(`Benchmark ${name}`, () => run({ sizes }));
    results[name] = rows;
    if (!values.json) process.stdout.write(`${name}: ${machine()}\n\n${rowsTable(rows)}\n`);
    if (values.write) writeSection(name, rows);
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ machine: machine(), results }, undefined, 2)}\n`);
  if (
    Object.values(results)
      .flat()
      .some((row) => row.met === false)
  )
    process.exitCode = 1;
}

function machine(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores, ${memory} GiB, ${process.platform} ${process.arch}, Node ${process.versions.node}`;
}

/** Replaces what stands between the benchmark's two marks in the page. */
function writeSection(name: string, rows: readonly Row[]): void {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const page = readFileSync(PAGE, "utf8");
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/benchmarks.md has no marks ${begin} and ${end}`);
  const day = new Date().toISOString().slice(0, 10);
  const text = `${begin}\n${day}, ${machine()}.\n\n${rowsTable(rows)}`;
  writeFileSync(PAGE, page.slice(0, from) + text + page.slice(to));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
