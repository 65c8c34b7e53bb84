// One image of 0x6000 bytes with 8 keys, beside esp-idf-nvs-partition-gen in its three uses, and 10,000 devices'
// images in one process. Ours and theirs take turns, round by round, so that a busy machine is busy for both.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { entriesToCsv, generateNvsFromCsv } from "../builders/nvs/csv.ts";
import { encryptNvs, generateNvsKeys } from "../builders/nvs/encrypt.ts";
import { generateNvs, type NvsEntry } from "../builders/nvs/generate.ts";
import { writePrivateFile } from "../builders/nvs/private-file.ts";
import { nvsPartitionGenCommand } from "../toolchain/python.ts";
import { type Peer, type PeerTask, startPeer } from "./nvs/peer.ts";
import { median, type Row } from "./row.ts";

const SIZE = 0x6000;
const TURNS = 20;
const ROUNDS = 100;
const WARM_UP = 5000;
const COMMAND_ROUNDS = 9;
const DEVICES = 10_000;
const GOAL = 5;

function entriesOf(device: number): NvsEntry[] {
  return [
    { namespace: "edgeflock", key: "device", type: "string", value: `cam-${device}` },
    { namespace: "edgeflock", key: "class", type: "string", value: "esp32-cam" },
    { namespace: "edgeflock", key: "gen", type: "u32", value: device },
    { namespace: "wifi", key: "ssid", type: "string", value: "hall-north" },
    { namespace: "wifi", key: "password", type: "string", value: `correct horse ${device}` },
    { namespace: "mqtt", key: "host", type: "string", value: "mqtt.greenhouse.example" },
    { namespace: "mqtt", key: "port", type: "u16", value: 8883 },
    { namespace: "mqtt", key: "seed", type: "blob", value: new Uint8Array(16).fill(device) },
  ];
}

/** The rows that the peer's write_entry takes. */
function peerRows(entries: readonly NvsEntry[]): string[][] {
  const csv = entriesToCsv(entries).trimEnd().split("\n").slice(1);
  return csv.map((line) => line.split(","));
}

export async function run(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "edgeflock-bench-nvs-"));
  const peer = await startPeer();
  try {
    const csv = join(folder, "in.csv");
    writeFileSync(csv, entriesToCsv(entriesOf(1)));
    return [...(await inProcess(peer, csv, folder)), ...(await commandLines(csv, folder)), ...manyDevices()];
  } finally {
    peer.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inProcess(peer: Peer, csv: string, folder: string): Promise<Row[]> {
  const entries = entriesOf(1);
  const keys = generateNvsKeys();
  const key = Buffer.concat([keys.encryption, keys.tweak]).toString("hex");
  const target = join(folder, "ours.bin");
  const task = { rounds: ROUNDS, rows: peerRows(entries), csv, key };
  const compare = async (name: string, what: PeerTask["what"], work: () => void): Promise<Row> => {
    const ours: number[] = [];
    const theirs: number[] = [];
    // as in a process that makes many: the compiler has seen the code (Python has none to wait for)
    repeat(work, what === "generate" ? ROUNDS : WARM_UP);
    await peer.times({ ...task, what });
    for (let turn = 0; turn < TURNS; turn++) {
      ours.push(...repeat(work, ROUNDS));
      theirs.push(...(await peer.times({ ...task, what })));
    }
    return rowOf(
      name,
      median(ours),
      "µs",
      `its ${peerNames[what]}`,
      median(theirs),
      what === "generate" ? null : GOAL,
    );
  };
  return [
    await compare("plain, in process", "api", () => generateNvs(entries, { size: SIZE })),
    await compare("encrypted, in process", "encrypted api", () =>
      encryptNvs(generateNvs(entries, { size: SIZE }), keys),
    ),
    await compare("CSV file to image file, in process", "generate", () => {
      const sources = [{ file: csv, content: readFileSync(csv) }];
      writePrivateFile(target, generateNvsFromCsv(sources, { size: SIZE, readFile: readFileSync }));
    }),
  ];
}

const peerNames: Record<PeerTask["what"], string> = {
  api: "nvs_open/write_entry/nvs_close",
  "encrypted api": "nvs_open/write_entry/nvs_close",
  generate: "generate()",
};

/** Microseconds of each round. */
function repeat(work: () => void, rounds: number): number[] {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint();
    work();
    times.push(Number(process.hrtime.bigint() - start) / 1000);
  }
  return times;
}

async function commandLines(csv: string, folder: string): Promise<Row[]> {
  const main = fileURLToPath(new URL("../bin/edgeflock.mjs", import.meta.url));
  const [program, ...first] = await nvsPartitionGenCommand();
  const out = join(folder, "command.bin");
  const args = ["generate", csv, out, "0x6000"];
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < COMMAND_ROUNDS; round++) {
    ours.push(timed(process.execPath, [main, "nvs", ...args]));
    theirs.push(timed(program!, [...first, ...args]));
  }
  return [rowOf("the command line, one image", median(ours), "ms", "its command line", median(theirs), null)];
}

/** Milliseconds of a command. */
function timed(program: string, args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(program, args);
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
  return performance.now() - start;
}

/** Images of different devices, each encrypted with keys of its own, and what memory that takes. */
function manyDevices(): Row[] {
  let bytes = 0;
  const make = (from: number, to: number) => {
    for (let device = from; device < to; device++) {
      bytes += encryptNvs(generateNvs(entriesOf(device), { size: SIZE }), generateNvsKeys()).length;
    }
  };
  make(0, DEVICES / 10);
  const before = process.memoryUsage.rss();
  const start = performance.now();
  make(0, DEVICES);
  const seconds = (performance.now() - start) / 1000;
  const grown = (process.memoryUsage.rss() - before) / 2 ** 20;
  if (bytes !== (DEVICES / 10 + DEVICES) * SIZE) throw new Error("images are missing");
  const alone = { peer: null, peerValue: null, ratio: null };
  return [
    {
      name: `${DEVICES} devices, encrypted, keys of their own`,
      value: seconds,
      unit: "s",
      ...alone,
      goal: "under 2 s",
      met: seconds < 2,
    },
    {
      name: `memory that grew meanwhile (${(bytes / 2 ** 20).toFixed(0)} MiB of images)`,
      value: grown,
      unit: "MiB",
      ...alone,
      goal: "under 32 MiB",
      met: grown < 32,
    },
  ];
}

function rowOf(
  name: string,
  value: number,
  unit: Row["unit"],
  peer: string,
  peerValue: number,
  goal: number | null,
): Row {
  const ratio = value / peerValue;
  const goalText = goal === null ? null : `${goal} times less`;
  return {
    name,
    value,
    unit,
    peer,
    peerValue,
    ratio,
    goal: goalText,
    met: goal === null ? null : ratio * goal <= 1,
  };
}
