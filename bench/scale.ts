// What a fleet costs as it grows: up, previews, one device more or less, refresh, for 100 to 10,000 devices; beside it
// a bare Pulumi program with a component and one Secret a device, under the same checkpoint settings in the same run.
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadManifests } from "../model/load-manifests.ts";
import { MANY_DEVICES, SKIP_CHECKPOINTS } from "../toolchain/checkpoints.ts";
import { reset, start } from "../toolchain/embedded-kubernetes/cluster.ts";
import type { Row } from "./row.ts";
import { bareProgram } from "./scale/bare-program.ts";
import { type FleetFigures, goals, type PeerFigures, rowsOf } from "./scale/figures.ts";
import { type FleetChange, fleetOf } from "./scale/fleet.ts";
import { type Meter, meterOf } from "./scale/meter.ts";
import { Project } from "./scale/project.ts";

const SIZES = [100, 1_000, 5_000, 10_000];
/** A bare program of more devices shows nothing new and takes long. */
const PEER_SIZES = [100, 1_000];
const MANIFESTS = "stacks/bench/fleet.yaml";
const UP = ["up", "--yes", "--skip-preview", "--suppress-outputs"];
/** What pulumi calls keeping the state in memory until the end. */
const SKIPPED = { PULUMI_EXPERIMENTAL: "true", ...SKIP_CHECKPOINTS };

export interface ScaleOptions {
  sizes?: readonly number[] | undefined;
}

export async function run({ sizes = SIZES }: ScaleOptions = {}): Promise<Row[]> {
  const parent = join(fileURLToPath(new URL("..", import.meta.url)), ".edgeflock", "bench");
  mkdirSync(parent, { recursive: true });
  await warmUp(parent);
  const rows: Row[] = [];
  const all: FleetFigures[] = [];
  for (const size of sizes) {
    // A cluster each, so that no size runs on what another left in the store.
    const folder = await mkdtemp(join(parent, "scale-"));
    try {
      const cluster = await start(folder);
      const meter = meterOf(cluster);
      const peer = PEER_SIZES.includes(size) ? await measurePeer(size, folder, meter) : undefined;
      const fleet = await measureFleet(size, folder, meter);
      all.push(fleet);
      rows.push(...rowsOf(fleet, peer));
    } finally {
      await reset(folder);
      await rm(folder, { recursive: true, force: true });
    }
  }
  return [...rows, ...goals(all)];
}

/** The firmware is built and cached here; what is measured is what a fleet costs. */
async function warmUp(parent: string): Promise<void> {
  const folder = await mkdtemp(join(parent, "scale-"));
  try {
    const { kubeconfig } = await start(folder);
    const project = await fleetProject(folder, kubeconfig);
    await project.write(MANIFESTS, fleetOf(1));
    await project.measured(...UP);
  } finally {
    await reset(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function fleetProject(folder: string, kubeconfig: string): Promise<Project> {
  const project = await Project.create(join(folder, "fleet"), kubeconfig, "edgeflock");
  await project.write("index.ts", 'export * from "edgeflock/program";\n');
  await project.setSecret("wifiPassword", "the password of all halls");
  await project.setSecret("newPassword", "the new password of one hall");
  return project;
}

async function measureFleet(size: number, folder: string, meter: Meter): Promise<FleetFigures> {
  const project = await fleetProject(folder, meter.kubeconfig);
  const write = (devices: number, change?: FleetChange) => project.write(MANIFESTS, fleetOf(devices, change));
  const load = timeOfLoading(size);
  await write(size);
  const up = await meter(() => project.measured(...UP));
  const stateBytes = await project.stateBytes();
  const again = await meter(() => project.measured(...UP, "--expect-no-changes"));
  const preview = await meter(() => project.measured("preview", "--expect-no-changes"));
  await write(size, { password: "newPassword" });
  const changed = await meter(() => project.measured("preview"));
  await write(size, { without: 7 });
  const removed = await meter(() => project.measured(...UP));
  await write(size);
  const added = await meter(() => project.measured(...UP));
  const refresh = await meter(() =>
    project.measured("refresh", "--yes", "--skip-preview", "--suppress-outputs"),
  );
  return { size, load, up, stateBytes, again, preview, changed, removed, added, refresh };
}

async function measurePeer(size: number, folder: string, meter: Meter): Promise<PeerFigures> {
  // As Edgeflock chooses for a fleet of that size.
  const checkpoints = size >= MANY_DEVICES ? SKIPPED : {};
  const project = await Project.create(join(folder, "bare"), meter.kubeconfig, "pulumi", checkpoints);
  await project.write("index.ts", bareProgram(size));
  const up = await meter(() => project.measured(...UP));
  const stateBytes = await project.stateBytes();
  const again = await meter(() => project.measured(...UP, "--expect-no-changes"));
  const preview = await meter(() => project.measured("preview", "--expect-no-changes"));
  await project.write("index.ts", bareProgram(size, "changed"));
  const changed = await meter(() => project.measured("preview"));
  await project.write("index.ts", bareProgram(size - 1));
  const removed = await meter(() => project.measured(...UP));
  await project.write("index.ts", bareProgram(size));
  const added = await meter(() => project.measured(...UP));
  const refresh = await meter(() =>
    project.measured("refresh", "--yes", "--skip-preview", "--suppress-outputs"),
  );
  return { size, up, stateBytes, again, preview, changed, removed, added, refresh };
}

/** Seconds to read and check the manifests, in this process, without what the first call compiles. */
function timeOfLoading(size: number): number {
  const files = (count: number) => [{ path: "fleet.yaml", text: fleetOf(count) }];
  loadManifests(files(200), { firmwareBuilders: ["native"] });
  const started = performance.now();
  loadManifests(files(size), { firmwareBuilders: ["native"] });
  return (performance.now() - started) / 1000;
}
