// Which classes have a component in their firmware, and which devices were flashed with it, with what their class has now
// or had before. Reads the cluster, and the artefact store with the rights of whoever flashes.
import semver from "semver";
import { SBOM } from "../../builders/sbom.ts";
import { boardsIn } from "../../flash/board-lease.ts";
import type { BoardRecord } from "../../flash/board-record.ts";
import { readBills } from "../../flash/firmware-bills.ts";
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";
import { CLASS_LABEL, flashConfigMapName } from "../../model/names.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { WhichOptions } from "../commands/which.ts";
import { table } from "./rows.ts";

/** A class and one firmware that it has, or that boards of it still run. */
export interface FoundClass {
  class: string;
  digest: string;
  version: string;
  /** Whether the class has it now; else only the boards that are named run it. */
  current: boolean;
  components: { name: string; version: string | null; purl: string | null }[];
  devices: {
    device: string;
    /** Whether its board has this firmware. */
    flashed: "this" | "other" | "none";
    digest: string | null;
  }[];
}

/** Boards with firmware whose bill of materials is not there. */
export interface UnknownFirmware {
  class: string;
  digest: string;
  devices: string[];
}

export interface WhichAnswer {
  found: FoundClass[];
  unknown: UnknownFirmware[];
}

interface Component {
  name?: string;
  version?: string;
  purl?: string;
}

interface Wanted {
  component: string;
  version?: string;
}

type Board = BoardRecord & { class: string | undefined };

export async function showWhich(options: WhichOptions): Promise<void> {
  const { context, kubeconfig } = options;
  const api = await connect({ ...(context && { context }), ...(kubeconfig && { kubeconfig }) });
  const { found, unknown } = await findClasses(api, options.namespace ?? api.namespace, options);
  if (options.json) console.log(JSON.stringify(found, undefined, 2));
  else if (found.length > 0)
    console.log(table(["CLASS", "FIRMWARE", "COMPONENT", "DEVICE", "BOARD"], rowsOf(found)));
  else {
    const what = `${options.component}${options.version ? ` ${options.version}` : ""}`;
    console.log(`No class has ${what} in its firmware, and no board is known to run it.`);
  }
  for (const one of unknown) {
    console.error(
      `Not known for ${one.devices.join(", ")}: the bill of materials of the firmware ${one.digest.slice(0, 19)} on ` +
        `${one.devices.length === 1 ? "this board" : "these boards"} of class ${one.class} is not there any more.`,
    );
  }
}

function rowsOf(found: FoundClass[]): string[][] {
  const words = { this: "flashed", other: "has another firmware", none: "not flashed yet" };
  return found.flatMap(({ class: name, current, components, devices, version }) => {
    const what = components.map((one) => `${one.name} ${one.version ?? ""}`.trim()).join(", ");
    const lines = devices.map(({ device, flashed }) => {
      return [name, version, what, device, current ? words[flashed] : "still runs it"];
    });
    return lines.length > 0 ? lines : [[name, version, what, "-", "no device"]];
  });
}

export async function findClasses(
  api: KubernetesApi,
  namespace: string,
  wanted: Wanted,
): Promise<WhichAnswer> {
  const maps = await api.listMetadata(
    { apiVersion: "v1", kind: "ConfigMap", namespace },
    { labelSelector: CLASS_LABEL },
  );
  const names = maps
    .map(({ metadata }) => ({ map: metadata.name, name: metadata.labels?.[CLASS_LABEL] ?? "" }))
    .filter(({ map, name }) => map === flashConfigMapName(name))
    .map(({ name }) => name);
  if (names.length === 0) {
    throw new VisibleError(`There are no device classes in namespace "${namespace}".`, {
      hint: "Check --namespace and --context.",
    });
  }
  const boards = await boardsIn(api, namespace);
  const bills = await readBills(api, namespace);
  const found: FoundClass[] = [];
  const current = new Map<string, string>();
  for (const name of names.sort()) {
    const source = await ClusterSource.open(api, namespace, name);
    const { digest, version } = source.artifact;
    const bill = Buffer.from((await source.firmware()).get(SBOM) ?? "").toString("utf8");
    current.set(name, digest);
    bills.set(digest, bill);
    const components = componentsOf(bill, wanted);
    if (components.length === 0) continue;
    const devices = await devicesOf(source, boards);
    found.push({ class: name, digest, version, current: true, components, devices });
  }
  const unknown: UnknownFirmware[] = [];
  for (const group of oldFirmware(boards, current)) {
    const bill = bills.get(group.digest);
    const devices = group.boards.map(({ device }) => device).sort();
    if (bill === undefined) unknown.push({ class: group.class, digest: group.digest, devices });
    else found.push(...stillRun(group, componentsOf(bill, wanted)));
  }
  return { found, unknown };
}

async function devicesOf(source: ClusterSource, boards: readonly Board[]): Promise<FoundClass["devices"]> {
  const flashedWith = new Map(boards.map((board) => [board.device, board.artifactDigest]));
  const devices: FoundClass["devices"] = [];
  for await (const device of source.devices()) {
    const digest = flashedWith.get(device);
    const flashed = digest === undefined ? "none" : digest === source.artifact.digest ? "this" : "other";
    devices.push({ device, flashed, digest: digest ?? null });
  }
  return devices;
}

interface OldFirmware {
  class: string;
  digest: string;
  boards: Board[];
}

/** What boards run that is not what their class has now, by class and digest. */
function oldFirmware(boards: readonly Board[], current: ReadonlyMap<string, string>): OldFirmware[] {
  const groups = new Map<string, OldFirmware>();
  for (const board of boards) {
    const { artifactDigest: digest, class: name = "" } = board;
    if (digest === undefined || current.get(name) === digest) continue;
    const group = groups.get(`${name} ${digest}`) ?? { class: name, digest, boards: [] };
    groups.set(`${name} ${digest}`, group);
    group.boards.push(board);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function stillRun(
  { class: name, digest, boards }: OldFirmware,
  components: FoundClass["components"],
): FoundClass[] {
  if (components.length === 0) return [];
  const version = boards.find((board) => board.firmwareVersion)?.firmwareVersion ?? digest.slice(7, 19);
  const devices = boards.map(({ device }) => ({ device, flashed: "this" as const, digest }));
  devices.sort((a, b) => (a.device < b.device ? -1 : 1));
  return [{ class: name, digest, version, current: false, components, devices }];
}

/** What a bill of materials has of what is asked for; nested ones too. Firmware of an earlier Edgeflock has none. */
function componentsOf(bill: string, wanted: Wanted): FoundClass["components"] {
  if (bill === "") return [];
  const bom = JSON.parse(bill) as { components?: Nested[] };
  return flat(bom.components ?? [])
    .filter((one) => matches(one, wanted))
    .map(({ name = "", version = null, purl = null }) => ({ name, version, purl }));
}

interface Nested extends Component {
  components?: Nested[];
}

function flat(components: Nested[]): Component[] {
  return components.flatMap((one) => [one, ...flat(one.components ?? [])]);
}

/** By name ("owner/name" by its last part too), or by package URL with or without version. */
function matches({ name = "", version, purl }: Component, wanted: Wanted): boolean {
  const asked = wanted.component.toLowerCase();
  const names = [name, name.split("/").at(-1)!, purl ?? "", (purl ?? "").replace(/@[^@]*$/, "")];
  if (!names.some((one) => one !== "" && one.toLowerCase() === asked)) return false;
  if (wanted.version === undefined) return true;
  const plain = semver.coerce(version, { includePrerelease: true });
  if (semver.validRange(wanted.version) === null || plain === null) return version === wanted.version;
  return semver.satisfies(plain, wanted.version, { includePrerelease: true });
}
