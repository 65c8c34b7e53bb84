// Which classes have a component in their firmware, and which devices were flashed with it. Reads the cluster, and the
// artefact store with the rights of whoever flashes.
import semver from "semver";
import { SBOM } from "../../builders/sbom.ts";
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";
import { CLASS_LABEL, flashConfigMapName } from "../../model/names.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { WhichOptions } from "../commands/which.ts";
import { table } from "./rows.ts";

export interface FoundClass {
  class: string;
  digest: string;
  version: string;
  components: { name: string; version: string | null; purl: string | null }[];
  devices: {
    device: string;
    /** Whether its board has this firmware; "other" and "none" mean that nobody knows. */
    flashed: "this" | "other" | "none";
    digest: string | null;
  }[];
}

interface Component {
  name?: string;
  version?: string;
  purl?: string;
}

export async function showWhich(options: WhichOptions): Promise<void> {
  const { context, kubeconfig } = options;
  const api = await connect({ ...(context && { context }), ...(kubeconfig && { kubeconfig }) });
  const found = await findClasses(api, options.namespace ?? api.namespace, options);
  if (options.json) {
    console.log(JSON.stringify(found, undefined, 2));
    return;
  }
  if (found.length === 0) {
    console.log(
      `No class has ${options.component}${options.version ? ` ${options.version}` : ""} in its firmware.`,
    );
    return;
  }
  const rows = found.flatMap(({ class: name, components, devices, version }) => {
    const what = components.map((one) => `${one.name} ${one.version ?? ""}`.trim()).join(", ");
    const words = { this: "flashed", other: "has another firmware", none: "not flashed yet" };
    const lines = devices.map(({ device, flashed }) => [name, version, what, device, words[flashed]]);
    return lines.length > 0 ? lines : [[name, version, what, "-", "no device"]];
  });
  console.log(table(["CLASS", "FIRMWARE", "COMPONENT", "DEVICE", "BOARD"], rows));
}

export async function findClasses(
  api: KubernetesApi,
  namespace: string,
  wanted: { component: string; version?: string },
): Promise<FoundClass[]> {
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
  const found: FoundClass[] = [];
  for (const name of names.sort()) {
    const source = await ClusterSource.open(api, namespace, name);
    const components = (await componentsOf(source)).filter((one) => matches(one, wanted));
    if (components.length > 0) found.push(await describe(source, components));
  }
  return found;
}

async function describe(source: ClusterSource, components: Component[]): Promise<FoundClass> {
  const { digest, version } = source.artifact;
  const boards = new Map((await source.boards()).map((board) => [board.device, board]));
  const devices: FoundClass["devices"] = [];
  for await (const device of source.devices()) {
    const flashed = boards.get(device)?.artifactDigest;
    const state = flashed === undefined ? "none" : flashed === digest ? "this" : "other";
    devices.push({ device, flashed: state, digest: flashed ?? null });
  }
  return {
    class: source.place.class,
    digest,
    version,
    components: components.map(({ name = "", version: of = null, purl = null }) => ({
      name,
      version: of,
      purl,
    })),
    devices,
  };
}

/** Of its bill of materials; nested ones too. Firmware of an earlier Edgeflock has none. */
async function componentsOf(source: ClusterSource): Promise<Component[]> {
  const bytes = (await source.firmware()).get(SBOM);
  if (!bytes) return [];
  const bom = JSON.parse(Buffer.from(bytes).toString("utf8")) as { components?: Nested[] };
  return flat(bom.components ?? []);
}

interface Nested extends Component {
  components?: Nested[];
}

function flat(components: Nested[]): Component[] {
  return components.flatMap((one) => [one, ...flat(one.components ?? [])]);
}

/** By name ("owner/name" by its last part too), or by package URL with or without version. */
function matches(
  { name = "", version, purl }: Component,
  wanted: { component: string; version?: string },
): boolean {
  const asked = wanted.component.toLowerCase();
  const names = [name, name.split("/").at(-1)!, purl ?? "", (purl ?? "").replace(/@[^@]*$/, "")];
  if (!names.some((one) => one !== "" && one.toLowerCase() === asked)) return false;
  if (wanted.version === undefined) return true;
  const plain = semver.coerce(version, { includePrerelease: true });
  if (semver.validRange(wanted.version) === null || plain === null) return version === wanted.version;
  return semver.satisfies(plain, wanted.version, { includePrerelease: true });
}
