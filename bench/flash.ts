// The flash script beside esptool that writes the same bytes by hand to the same virtual board; eight boards by the
// station beside one after the other; memory of a hundred virtual boards. An API server of its own.
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PART_SIZE } from "../builders/stores/artifact-parts.ts";
import { ClusterSource } from "../flash/station/cluster-source.ts";
import { runStation } from "../flash/station/station.ts";
import { startVirtualDevice, type VirtualDevice } from "../flash/virtual-esp32/start-virtual-device.ts";
import { CONFIG, storeInCluster } from "../test/flash/flash-script/support/artifact.ts";
import { Bench, CLASS } from "../test/flash/flash-script/support/bench.ts";
import { run as runCommand } from "../test/flash/flash-script/support/shell.ts";
import { reset, start } from "../toolchain/embedded-kubernetes/cluster.ts";
import { esptoolCommand } from "../toolchain/python.ts";
import { ensureTool } from "../toolchain/tools.ts";
import { median, type Row } from "./row.ts";

const BAUD = 460_800;
const ROUNDS = 3;
const BOARDS = 8;
const MANY = 100;

export async function run(): Promise<Row[]> {
  const parent = join(fileURLToPath(new URL("..", import.meta.url)), ".edgeflock", "bench");
  mkdirSync(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "flash-"));
  try {
    const { kubeconfig } = await start(folder);
    const esptool = (await esptoolCommand()).join(" ");
    const bench = await Bench.open({ kubeconfig, kubectl: (await ensureTool("kubectl")).path, esptool });
    try {
      return [...(await script(bench)), ...(await station(bench)), await memory(bench)];
    } finally {
      // also where the API server no longer answers, what follows must be done
      await bench.close().catch(() => {});
    }
  } finally {
    await reset(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same board, the same bytes, turn by turn. */
async function script(bench: Bench): Promise<Row[]> {
  const made = bench.make({ size: 1_000_000, version: "script" });
  const text = bench.script(await storeInCluster(bench.api, bench.namespace, made, { partSize: PART_SIZE }));
  const image = await bench.device("measured");
  const files = [...made.files, { offset: CONFIG.offset, bytes: image }].flatMap(({ offset, bytes }) => {
    const path = join(bench.folder, `${offset}.bin`);
    writeFileSync(path, bytes);
    return [`0x${offset.toString(16)}`, path];
  });
  await using device = await board(bench, "measured", BAUD);
  const byHand = [
    ...bench.tools.esptool.split(" "),
    "--chip",
    "esp32",
    "--port",
    device.url,
    "--baud",
    String(BAUD),
    "write-flash",
    ...files,
  ];
  const hand: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    hand.push(await seconds(async () => mustBeDone(await runCommand(byHand))));
    ours.push(
      await seconds(async () =>
        mustBeDone(await bench.flash(["measured", "--port", device.url], { script: text })),
      ),
    );
  }
  const [value, peerValue] = [median(ours), median(hand)];
  const ratio = value / peerValue;
  const goal = "at most 1.10 times, and at most 3 s more";
  const met = ratio <= 1.1 && value - peerValue <= 3;
  return [
    {
      name: "flash script, 1 MB at 460,800 baud",
      value,
      unit: "s",
      peer: "esptool by hand",
      peerValue,
      ratio,
      goal,
      met,
    },
  ];
}

async function station(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const pace of [BAUD, undefined]) {
    const made = bench.make({ size: 524_288, version: `station ${pace}` });
    await bench.publish(await storeInCluster(bench.api, bench.namespace, made, { partSize: PART_SIZE }));
    const peerValue = await flashAll(bench, "one by one", pace);
    const value = await flashAll(bench, "at once", pace);
    const ratio = value / peerValue;
    const paced = pace !== undefined;
    const name = `${BOARDS} boards by the station, ${paced ? "at 460,800 baud" : "unpaced"}`;
    const aim = paced ? { goal: "at least 6 times faster", met: ratio <= 1 / 6 } : { goal: null, met: null };
    rows.push({ name, value, unit: "s", peer: "one after the other", peerValue, ratio, ...aim });
  }
  return rows;
}

/** Seconds for so many new boards, each with a new device, by one station: its start counts once either way. */
async function flashAll(bench: Bench, how: "at once" | "one by one", pace?: number): Promise<number> {
  const names = Array.from({ length: BOARDS }, (_, index) => `b-${pace ?? "free"}-${how[0]}-${index}`);
  for (const name of names) await bench.device(name);
  const boards = await Promise.all(names.map((name) => board(bench, name, pace)));
  const urls = boards.map(({ url }) => url);
  let done = 0;
  try {
    return await seconds(async () => {
      const { flashed } = await runStation({
        source: await ClusterSource.open(bench.api, bench.namespace, CLASS),
        esptool: bench.tools.esptool.split(" "),
        listPorts: async () => (how === "at once" ? urls : urls.slice(done, done + 1)),
        onResult: () => void done++,
        count: BOARDS,
        devices: names,
        logPath: join(bench.folder, "log.jsonl"),
        signal: new AbortController().signal,
      });
      if (flashed !== BOARDS) throw new Error(`${flashed} of ${BOARDS} boards were flashed`);
    });
  } finally {
    await Promise.all(boards.map((device) => device.stop()));
  }
}

/** What a hundred boards add to a process; their flash is in files. */
async function memory(bench: Bench): Promise<Row> {
  const program = fileURLToPath(new URL("flash/virtual-boards.ts", import.meta.url));
  const ran = await runCommand([process.execPath, "--expose-gc", program, bench.folder, String(MANY)]);
  mustBeDone(ran);
  const value = (JSON.parse(ran.stdout) as { bytes: number }).bytes / 2 ** 20;
  return {
    name: `memory of ${MANY} virtual boards`,
    value,
    unit: "MiB",
    peer: null,
    peerValue: null,
    ratio: null,
    goal: null,
    met: null,
  };
}

function board(bench: Bench, name: string, pace?: number): Promise<VirtualDevice> {
  const pacing = pace === undefined ? {} : { baudPacing: pace };
  return startVirtualDevice({ chip: "esp32", flash: join(bench.folder, `${name}.flash`), ...pacing });
}

function mustBeDone({ code, stderr, stdout }: { code: number | null; stderr: string; stdout: string }): void {
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}${stdout}`);
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}
