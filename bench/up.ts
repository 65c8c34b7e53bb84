// Time of `up`, of a preview that finds nothing to do and of one changed setting, for 10 and 100 devices; beside it
// a bare Pulumi program that makes one RandomBytes and one Secret a device, on the same API server in the same run.

import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { reset, start } from "../toolchain/embedded-kubernetes/cluster.ts";
import type { Row } from "./run.ts";
import { bareProgram } from "./up/bare-program.ts";
import { fleetOf } from "./up/fleet.ts";
import { Project } from "./up/project.ts";

const SIZES = [10, 100];

export async function run(): Promise<Row[]> {
  const parent = join(fileURLToPath(new URL("..", import.meta.url)), ".edgeflock", "bench");
  mkdirSync(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "up-"));
  const cluster = await start(folder);
  try {
    const rows: Row[] = [];
    for (const size of SIZES) rows.push(...(await compare(size, folder, cluster.kubeconfig)));
    return rows;
  } finally {
    await reset(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function compare(size: number, folder: string, kubeconfig: string): Promise<Row[]> {
  const ours = await Project.create(
    join(folder, `fleet-${size}`),
    kubeconfig,
    'export * from "edgeflock/program";\n',
  );
  const bare = await Project.create(join(folder, `bare-${size}`), kubeconfig, bareProgram(size));
  // The firmware is built once and cached; what is compared is the work that grows with devices.
  await ours.write("stacks/bench/fleet.yaml", fleetOf(size, { devices: false }));
  await ours.timed("up", "--yes", "--skip-preview");
  await ours.write("stacks/bench/fleet.yaml", fleetOf(size));
  const rows = [
    await row(`up of ${size} devices`, ours, bare, ["up", "--yes", "--skip-preview"]),
    await row(`preview of ${size} devices, nothing to do`, ours, bare, ["preview", "--expect-no-changes"]),
  ];
  await ours.write("stacks/bench/fleet.yaml", fleetOf(size, { interval: 61 }));
  await bare.write("index.ts", bareProgram(size, "changed"));
  rows.push(
    await row(`up of ${size} devices, one setting of all changed`, ours, bare, [
      "up",
      "--yes",
      "--skip-preview",
    ]),
  );
  return rows;
}

async function row(name: string, ours: Project, bare: Project, command: string[]): Promise<Row> {
  const value = await ours.timed(...command);
  const peerValue = await bare.timed(...command);
  const ratio = value / peerValue;
  return { name, value, unit: "s", peer: "bare Pulumi program", peerValue, ratio, goal: null, met: null };
}
