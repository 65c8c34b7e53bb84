// What the reconciler costs: from an edit of one device among many until it says Ready, its memory, the API server's
// requests. Beside it the same edit by hand, with `edgeflock pulumi up`.
import { mkdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ApiWatch } from "../cli/reconcile/api-watch.ts";
import { ClusterAccess } from "../cli/reconcile/cluster-access.ts";
import type { ObservedObject } from "../cli/reconcile/observed-objects.ts";
import type { KubernetesApi } from "../kubernetes/api.ts";
import { customResourceDefinitions, KIND_FACTS } from "../model/custom-resources/definitions.ts";
import { API_VERSION } from "../model/names.ts";
import { reset, start } from "../toolchain/embedded-kubernetes/cluster.ts";
import { median, type Row } from "./row.ts";
import { apiRequests } from "./scale/api-requests.ts";
import { fleetOf } from "./scale/fleet.ts";
import { Project } from "./scale/project.ts";

const SIZES = [1_000];
const EDITS = 5;
/** What the reconciler waits for further changes. */
const QUIET_SECONDS = 1;
const EDITED = "dev-00007";
const AT_ONCE = 16;

export async function run({ sizes = SIZES }: { sizes?: readonly number[] | undefined } = {}): Promise<Row[]> {
  const parent = join(fileURLToPath(new URL("..", import.meta.url)), ".edgeflock", "bench");
  mkdirSync(parent, { recursive: true });
  const rows: Row[] = [];
  for (const size of sizes) {
    const folder = await mkdtemp(join(parent, "reconcile-"));
    try {
      const { kubeconfig } = await start(folder);
      rows.push(...(await measure(size, folder, kubeconfig)));
    } finally {
      await reset(folder);
      await rm(folder, { recursive: true, force: true });
    }
  }
  return rows;
}

async function measure(size: number, folder: string, kubeconfig: string): Promise<Row[]> {
  const project = await Project.create(join(folder, "fleet"), kubeconfig, "edgeflock");
  await project.write("index.ts", 'export * from "edgeflock/program";\n');
  await project.setConfig("edgeflock:source", "cluster");
  await project.setSecret("wifiPassword", "the password of all halls");
  const fleet = new Fleet(await ClusterAccess.open({ kubeconfig }), `bench-${size}`);
  await fleet.install();
  await fleet.create(fleetOf(size));
  const began = performance.now();
  const reconciler = project.startEdgeflock("reconcile", "--port", "0", "--quiet", String(QUIET_SECONDS));
  try {
    await fleet.allReady(size);
    const first = (performance.now() - began) / 1000;
    const edits = [];
    for (let edit = 0; edit < EDITS; edit++) {
      await sleep(2_000);
      const requests = await apiRequests(kubeconfig);
      const seconds = await fleet.edit(`bench edit ${edit}`);
      edits.push({ seconds, requests: (await apiRequests(kubeconfig)) - requests - 1 });
    }
    const memory = memoryOf(reconciler.pid!);
    reconciler.kill("SIGTERM");
    await reconciler;
    await fleet.patch("bench by hand");
    const byHand = (await project.measured("up", "--yes", "--skip-preview", "--suppress-outputs")).seconds;
    return rowsOf(size, first, edits, memory, byHand);
  } finally {
    reconciler.kill("SIGTERM");
    await reconciler;
  }
}

/** The objects of the fleet, in the cluster. */
class Fleet {
  readonly #access: ClusterAccess;
  readonly #namespace: string;

  constructor(access: ClusterAccess, namespace: string) {
    this.#access = access;
    this.#namespace = namespace;
  }

  get #api(): KubernetesApi {
    return this.#access.api;
  }

  async install(): Promise<void> {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: this.#namespace } };
    for (const object of [namespace, ...customResourceDefinitions()]) {
      await this.#api.apply(object as never, { fieldManager: "bench" });
    }
    for (const { plural } of Object.values(KIND_FACTS)) {
      const served = () => this.#api.request("GET", `/apis/${API_VERSION}/${plural}`);
      while (!(await served().catch(() => undefined))) await sleep(100);
    }
  }

  async create(documents: string): Promise<void> {
    const objects = documents.split("\n---\n").map((text) => JSON.parse(text) as ObservedObject);
    const queue = objects.values();
    const worker = async () => {
      for (const { kind, metadata, spec } of queue) {
        const namespace = kind === "DevicesCluster" ? {} : { namespace: this.#namespace };
        await this.#api.create({
          apiVersion: API_VERSION,
          kind,
          metadata: { ...metadata, ...namespace },
          spec,
        } as never);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async allReady(size: number): Promise<void> {
    for (;;) {
      const devices = await this.#api.list<ObservedObject>({
        apiVersion: API_VERSION,
        kind: "Device",
        namespace: this.#namespace,
      });
      if (devices.filter(isReady).length === size) return;
      await sleep(1_000);
    }
  }

  /** @returns seconds from the edit until the device is Ready again, by a watch */
  async edit(place: string): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const path = `/apis/${API_VERSION}/namespaces/${this.#namespace}/${KIND_FACTS.Device.plural}`;
    let began = Number.POSITIVE_INFINITY;
    let generation = Number.POSITIVE_INFINITY;
    const seen = (_: string, device: ObservedObject) => {
      if (device.metadata.generation >= generation && isReady(device)) resolve(performance.now());
    };
    const fieldSelector = `metadata.name=${EDITED}`;
    const watch = new ApiWatch({ api: () => this.#api });
    const watching = await watch.watch(path, { fieldSelector }, seen, () => {});
    began = performance.now();
    generation = (await this.patch(place)).metadata.generation;
    const ended = await promise;
    watching.abort();
    return (ended - began) / 1000;
  }

  async patch(place: string): Promise<ObservedObject> {
    const metadata = { namespace: this.#namespace, name: EDITED };
    const path = await this.#api.pathOf({ apiVersion: API_VERSION, kind: "Device", metadata });
    return this.#api.request("PATCH", path, {
      body: { spec: { data: { "place.name": place } } },
      contentType: "application/merge-patch+json",
    });
  }
}

/** About its present generation. */
function isReady({ metadata, status }: ObservedObject): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.status === "True" && ready.observedGeneration === metadata.generation;
}

/** MiB that the process takes now, and took at most. */
function memoryOf(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mebibytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
  return { now: mebibytes("VmRSS"), peak: mebibytes("VmHWM") };
}

interface Edit {
  seconds: number;
  requests: number;
}

function rowsOf(
  size: number,
  first: number,
  edits: readonly Edit[],
  memory: { now: number; peak: number },
  byHand: number,
): Row[] {
  const edit = median(edits.map(({ seconds }) => seconds));
  const row = (name: string, value: number, unit: Row["unit"]): Row => ({
    name: `${size} devices: ${name}`,
    value,
    unit,
    ...{ peer: null, peerValue: null, ratio: null, goal: null, met: null },
  });
  return [
    row("until all are Ready, the first time", first, "s"),
    {
      ...row("edit of one device until it is Ready", edit, "s"),
      ...{ peer: "edgeflock pulumi up by hand", peerValue: byHand, ratio: edit / byHand },
    },
    row("API requests of an edit", median(edits.map(({ requests }) => requests)), ""),
    row("memory of the reconciler", memory.now, "MiB"),
    row("peak memory of the reconciler", memory.peak, "MiB"),
  ];
}
