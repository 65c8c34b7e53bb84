// What it costs to have configuration images made by an image of the user's own, as Kubernetes Jobs on a real node:
// the first up of a fleet, beside the same fleet with Edgeflock's own builder in process.
import { join } from "node:path";
import { nodeIsPossible, startTestNode, type TestNode } from "../test/e2e/full/support/node.ts";
import { loadStepsImage } from "../test/e2e/full/support/steps-image.ts";
import { status } from "../toolchain/embedded-kubernetes/cluster.ts";
import { ObservedJobs } from "./jobs/observed-jobs.ts";
import { SHELL_BUILDER } from "./jobs/shell-builder.ts";
import type { Row } from "./row.ts";
import { fleetOf } from "./scale/fleet.ts";
import { type Figures, type Meter, meterOf } from "./scale/meter.ts";
import { Project } from "./scale/project.ts";

const SIZES = [1_000];
const JOB_LIMIT = 8;
/** Bytes that a Secret holds. */
const LARGEST_SECRET = 1024 * 1024;
const UP = ["up", "--yes", "--skip-preview", "--suppress-outputs"];
const OWN = { name: "nvs" };

export async function run({ sizes = SIZES }: { sizes?: readonly number[] | undefined } = {}): Promise<Row[]> {
  if (!nodeIsPossible)
    throw new Error("no node can run here: docs/embedded-kubernetes.md says what it needs");
  const rows: Row[] = [];
  for (const size of sizes) {
    const node = await startTestNode();
    try {
      rows.push(...(await measure(size, node)));
    } finally {
      await node.remove();
    }
  }
  return rows;
}

async function measure(size: number, node: TestNode): Promise<Row[]> {
  const stepsImage = await loadStepsImage(node.target);
  const meter = meterOf(await status(node.folder));
  const image = {
    ...{ name: "image", executor: "kubernetes-job", image: node.shell, command: SHELL_BUILDER },
    ...{ memory: "64m", cpus: 1 },
  };
  // the firmware is built and cached here
  await firstUp("warm", 1, OWN, node, stepsImage, meter);
  const peer = await firstUp("own", size, OWN, node, stepsImage, meter);
  const observed = ObservedJobs.start(node.kubeconfig, "image");
  try {
    const up = await firstUp("image", size, image, node, stepsImage, meter);
    return rowsOf(size, up, peer, observed);
  } finally {
    observed.stop();
  }
}

/** @param name of the project and of the namespace */
async function firstUp(
  name: string,
  size: number,
  builder: object,
  node: TestNode,
  stepsImage: string,
  meter: Meter,
): Promise<Figures> {
  const project = await Project.create(join(node.folder, name), node.kubeconfig, "edgeflock");
  await project.write("index.ts", 'export * from "edgeflock/program";\n');
  await project.setSecret("wifiPassword", "the password of all halls");
  await project.setConfig("edgeflock:jobSteps", stepsImage);
  await project.setConfig("edgeflock:jobLimit", String(JOB_LIMIT));
  await project.write("stacks/bench/fleet.yaml", fleetWith(name, size, builder));
  return meter(() => project.measured(...UP));
}

function fleetWith(namespace: string, size: number, builder: object): string {
  return fleetOf(size)
    .split("\n---\n")
    .map((text) => {
      const document = JSON.parse(text) as { kind: string; spec: Record<string, unknown> };
      if (document.kind === "DevicesCluster") document.spec.namespace = namespace;
      if (document.kind === "DeviceClass") document.spec.config = { format: "file", builder };
      return JSON.stringify(document);
    })
    .join("\n---\n");
}

function rowsOf(size: number, up: Figures, peer: Figures, observed: ObservedJobs): Row[] {
  const row = (name: string, value: number, unit: Row["unit"], more: Partial<Row> = {}): Row => ({
    name: `${size} devices: ${name}`,
    ...{ value, unit, peer: null, peerValue: null, ratio: null, goal: null, met: null },
    ...more,
  });
  const beside = (value: number, peerValue: number): Partial<Row> => ({
    ...{ peer: "own builder in process", peerValue, ratio: value / peerValue },
  });
  const most = (value: number, limit: number, goal: string): Partial<Row> => ({ goal, met: value <= limit });
  return [
    row("first up, images by Jobs", up.seconds, "s", beside(up.seconds, peer.seconds)),
    row("a device beyond that", ((up.seconds - peer.seconds) / size) * 1000, "ms"),
    row("Jobs", observed.total, ""),
    row("Jobs at once", observed.most, "", most(observed.most, JOB_LIMIT, `at most ${JOB_LIMIT}`)),
    row("largest input Secret", observed.largestInput / 1000, "kB", {
      ...most(observed.largestInput, LARGEST_SECRET, "at most 1049 kB"),
    }),
    row("API requests, the node's too", up.requests, "", beside(up.requests, peer.requests)),
    ...Object.entries(up.processes)
      .filter(([, { cpuSeconds }]) => cpuSeconds >= up.seconds / 20)
      .sort(([, a], [, b]) => b.cpuSeconds - a.cpuSeconds)
      .map(([role, { cpuSeconds }]) => row(`CPU time of ${role}`, cpuSeconds, "s")),
  ];
}
