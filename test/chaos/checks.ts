// What must hold whenever an update has gone through: looks at the cluster, the state folder and temporary files.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { recordName } from "../../builders/stores/artifact-parts.ts";
import { BILL_LABEL } from "../../flash/firmware-bills.ts";
import { OWNER_ANNOTATION } from "../../kubernetes/owned-object.ts";
import { CREDENTIALS_ANNOTATION } from "../../model/annotations.ts";
import { readDeviceRecord } from "../../model/ledger-text.ts";
import { CLASS_LABEL } from "../../model/names.ts";
import type { TestProject } from "../e2e/test-project.ts";
import type { FleetLife } from "./fleet-life.ts";

interface Item {
  metadata: { name: string; annotations?: Record<string, string>; labels?: Record<string, string> };
  data?: Record<string, string>;
}

/** Passwords by what they derive from: the device's oldest name and the generation. */
export class HandedOut {
  readonly #known = new Map<string, string>();
  /** By device, what its manifest asked for when its generation was last seen, and that generation. */
  readonly #generations = new Map<string, { declared: number; generation: number }>();
  readonly changed: string[] = [];

  /** Looks at every device's Secret that there is: whoever reads one may have flashed it. */
  async look(project: TestProject): Promise<void> {
    for (const { metadata, data } of await list(project, "v1", "Secret")) {
      const [user, password] = [text(data?.MQTT_USERNAME), text(data?.MQTT_PASSWORD)];
      if (!metadata.name.endsWith("-device") || user === undefined || password === undefined) continue;
      const before = this.#known.get(user);
      if (before !== undefined && before !== password) this.changed.push(`${user} (${metadata.name})`);
      this.#known.set(user, password);
      this.#follow(metadata);
    }
  }

  /** A generation goes up as far as the manifest's does, and no further: another jump would hide a lost credential. */
  #follow({ name, annotations }: Item["metadata"]): void {
    const held = readDeviceRecord(annotations?.[CREDENTIALS_ANNOTATION]);
    if (!held) return;
    const { generation, declared } = held.record;
    const before = this.#generations.get(held.key);
    const asked = before && before.generation + declared - before.declared;
    if (asked !== undefined && generation !== asked) {
      this.changed.push(`${held.key} (${name}) has generation ${generation}, not ${asked}`);
    }
    this.#generations.set(held.key, { declared, generation });
  }

  get count(): number {
    return this.#known.size;
  }
}

function text(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString();
}

async function list(project: TestProject, apiVersion: string, kind: string): Promise<Item[]> {
  return project.api.list<Item>({ apiVersion, kind, namespace: project.id });
}

const RBAC = "rbac.authorization.k8s.io/v1";

/** Accounts and rights of the fleet, in its namespace and outside of it: the same whatever happens to its devices. */
export async function accessObjects(project: TestProject): Promise<string[]> {
  const found: string[] = [];
  for (const [apiVersion, kind] of [
    ["v1", "ServiceAccount"],
    [RBAC, "Role"],
    [RBAC, "RoleBinding"],
  ] as const) {
    for (const { metadata } of await list(project, apiVersion, kind)) found.push(`${kind} ${metadata.name}`);
  }
  for (const kind of ["ClusterRole", "ClusterRoleBinding"]) {
    for (const { metadata } of await project.api.listMetadata({ apiVersion: RBAC, kind })) {
      const owner = metadata.annotations?.[OWNER_ANNOTATION];
      if (owner?.startsWith(`project-${project.id}/`)) found.push(`${kind} ${metadata.name}`);
    }
  }
  return found.sort();
}

/**
 * Objects that nobody declared, and declared ones that are missing.
 *
 * @param access what `accessObjects` found after the first update
 */
export async function strayObjects(
  project: TestProject,
  life: FleetLife,
  access: readonly string[],
): Promise<string[]> {
  const [secrets, configMaps, leases] = await Promise.all([
    list(project, "v1", "Secret"),
    list(project, "v1", "ConfigMap"),
    list(project, "coordination.k8s.io/v1", "Lease"),
  ]);
  const rights = await accessObjects(project);
  const flash = configMaps.filter(({ metadata }) => metadata.name.endsWith("-flash"));
  const artifacts = flash.map(
    ({ data }) =>
      JSON.parse((data as Record<string, string>)["artifact.json"]!) as {
        digest: string;
        store: { parts: string[] };
      },
  );
  const parts = artifacts.flatMap(({ digest, store }) => [...store.parts, recordName(digest)]);
  const names = (items: Item[]) => items.map(({ metadata }) => metadata.name);
  // of the firmware before this one, for boards that may run it: as long as there is the class
  const classes = flash.map(({ metadata }) => metadata.name.replace(/-flash$/, ""));
  const isBill = ({ metadata: { labels } }: Item) =>
    labels?.[BILL_LABEL] !== undefined && classes.includes(labels[CLASS_LABEL] ?? "");
  const others = configMaps.filter((item) => !isBill(item));
  const objects = [...names(secrets), ...names(others)].filter((name) => name !== "kube-root-ca.crt");
  const expected = new Set([...life.expected.secrets, ...life.expected.configMaps, ...parts]);
  return [
    ...objects.filter((name) => !expected.has(name)).map((name) => `${name} is nobody's`),
    ...[...expected].filter((name) => !objects.includes(name)).map((name) => `${name} is missing`),
    ...names(leases).map((name) => `Lease ${name} is nobody's`),
    ...rights.filter((name) => !access.includes(name)).map((name) => `${name} is nobody's`),
    ...access.filter((name) => !rights.includes(name)).map((name) => `${name} is missing`),
  ];
}

/** Locks of the backend that are left. */
export async function leftLocks(project: TestProject): Promise<string[]> {
  const files = await allFiles(join(project.folder, ".edgeflock", "state", ".pulumi", "locks"));
  return files.filter((file) => !file.endsWith(".attrs"));
}

/**
 * Files below the folders that hold one of the values in plain or base64: `<file> holds <name>`.
 *
 * @param values by a name for people
 */
export async function filesWith(
  values: ReadonlyMap<string, string>,
  folders: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const file of (await Promise.all(folders.map(allFiles))).flat()) {
    const content = await readFile(file, "latin1").catch(() => "");
    for (const [name, value] of values) {
      const isThere = content.includes(value) || content.includes(Buffer.from(value).toString("base64"));
      if (isThere) found.push(`${file} holds ${name}`);
    }
  }
  return found;
}

/** Everything secret in the fleet's Secrets, and in the environment, by where it stands. */
export async function secretValues(project: TestProject, life: FleetLife): Promise<Map<string, string>> {
  const values = new Map(Object.entries(life.variables));
  for (const { metadata, data } of await list(project, "v1", "Secret")) {
    for (const [key, value] of Object.entries(data ?? {})) {
      if (/PASSWORD|password|token/.test(key)) values.set(`${metadata.name}/${key}`, text(value)!);
    }
  }
  return values;
}

export async function allFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
