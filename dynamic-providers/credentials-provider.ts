// The provider of what a fleet remembers of its credentials: writes the ledger's ConfigMap, and where devices have
// certificates, that with their authority. Asks the API server.
// The engine deletes resources when all others are up to date, so a device is retired here before its Secret goes:
// whatever is killed in between, the name is never given its old credentials again.
import type { KubernetesApi, KubernetesObject } from "../kubernetes/api.ts";
import { applyOwned, deleteOwned, OWNER_ANNOTATION, type Owned } from "../kubernetes/owned-object.ts";
import { type CredentialLedger, updateLedger } from "../model/credential-ledger.ts";
import {
  groupRecords,
  LEDGER_CONFIG_MAP,
  type LedgerGroups,
  ledgerData,
  retiredRecord,
  ungroupRecords,
} from "../model/ledger-text.ts";
import { AUTHORITY_CONFIG_MAP, AUTHORITY_FILES, type AuthoritySeed } from "../model/mqtt-certificates.ts";
import { objectLabels } from "../model/names.ts";
import type { MqttAuth } from "../model/schema-mqtt.ts";
import { VisibleError } from "../model/visible-error.ts";
import { appliedDigest } from "./applied-digest.ts";
import { authorityConfigMap } from "./authority-config-map.ts";
import { describeDrift, type OwnedKeys, ownedDigest } from "./device-drift.ts";
import { explainWriteError } from "./explain-write-error.ts";
import { fieldManager } from "./field-manager.ts";
import { readLedger } from "./fleet-ledger.ts";
import { created } from "./outcome-unknown.ts";
import type { DynamicProvider } from "./provider.ts";
import { type ClusterInputs, connectFor } from "./stack-connection.ts";

export interface CredentialsInputs extends ClusterInputs {
  cluster: string;
  namespace: string;
  /** `<project>/<stack>/<resource>`: the token that the ConfigMap bears. */
  owner: string;
  /** Who has which generation. */
  devices: LedgerGroups;
  /** Names that are revoked, with the last generation that was: those remembered so far, and those that go now. */
  retired: Record<string, number>;
  /** What devices prove with who they are. */
  auth: MqttAuth;
  /** Where they have certificates, an `AuthoritySeed` as text; secret. */
  authority?: string;
}

export interface CredentialsOutputs extends ClusterInputs {
  namespace: string;
  owner: string;
  /** Digest of all inputs as they were applied. */
  applied: string;
  /** Digest of what we own in each ConfigMap, by its name. */
  written: Record<string, string>;
  auth: MqttAuth;
  /** The retired names once more, and who has which generation, in case the ConfigMap is deleted. */
  remembered: Record<string, number>;
  held?: LedgerGroups;
  /** Set by a refresh that found the ConfigMap changed. */
  drift?: string;
}

const DATA: Record<string, string[]> = {
  [LEDGER_CONFIG_MAP]: ["devices", "retired"],
  [AUTHORITY_CONFIG_MAP]: Object.values(AUTHORITY_FILES),
};

async function diff(_id: string, olds: CredentialsOutputs, news: CredentialsInputs) {
  refuseAbruptChange(olds.auth, news.auth);
  const moved = olds.namespace !== news.namespace || olds.clusterUid !== news.clusterUid;
  return {
    changes: moved || olds.drift !== undefined || olds.applied !== appliedDigest(news),
    replaces: moved ? ["namespace"] : [],
  };
}

async function create(inputs: CredentialsInputs) {
  const id = `${inputs.namespace}/${LEDGER_CONFIG_MAP}`;
  return created(
    id,
    () => write(inputs, []),
    () => unwritten(inputs),
  );
}

async function update(_id: string, olds: CredentialsOutputs, news: CredentialsInputs) {
  return { outs: await write(news, [rememberedIn(olds)], [olds.owner]) };
}

async function read(id: string, props: CredentialsOutputs) {
  const api = await connectFor(props);
  const { drift: _, ...rest } = props;
  const found: string[] = [];
  for (const [name, written] of Object.entries(props.written)) {
    const live = await api.getOrUndefined<KubernetesObject>(addressOf(props.namespace, name));
    const keys = ownedKeys(name);
    if (!live) found.push(`${name}: deleted`);
    else if (ownedDigest(live, keys) !== written) {
      found.push(`${name}: ${describeDrift(live, keys, fieldManager(props.owner))}`);
    }
  }
  return { id, props: found.length === 0 ? rest : { ...rest, drift: found.join("; ") } };
}

/** The ledger goes with its namespace, and not before: it keeps out whoever holds an old credential. */
async function remove(_id: string, props: CredentialsOutputs) {
  await deleteOwned(await connectFor(props), addressOf(props.namespace, AUTHORITY_CONFIG_MAP), props.owner);
}

/**
 * @param memories what the state remembers; what the cluster does is read anew
 * @param former owners whose ConfigMap it may be still
 */
async function write(
  inputs: CredentialsInputs,
  memories: CredentialLedger[],
  former: string[] = [],
): Promise<CredentialsOutputs> {
  const { namespace, owner, clusterUid, kubernetes } = inputs;
  const api = await connectFor(inputs);
  const { ledger, revived } = updateLedger(
    [...(await liveLedger(api, namespace)), ...memories, withRetired(inputs.retired)],
    ungroupRecords(inputs.devices),
  );
  const written: Record<string, string> = {};
  for (const object of await configMaps(inputs, ledger)) {
    const { name } = object.metadata;
    const live = await applyOwned(api, object, owner, fieldManager(owner), former).catch((error) => {
      throw explainWriteError(error, `the ConfigMap ${name}`, namespace);
    });
    written[name] = ownedDigest(live, ownedKeys(name));
  }
  if (inputs.authority === undefined) {
    for (const token of new Set([owner, ...former])) {
      await deleteOwned(api, addressOf(namespace, AUTHORITY_CONFIG_MAP), token);
    }
  }
  if (revived.length > 0) throw wereRevived(revived);
  return {
    ...{ namespace, owner, clusterUid, ...(kubernetes && { kubernetes }) },
    applied: appliedDigest(inputs),
    written,
    auth: inputs.auth,
    remembered: retiredRecord(ledger.retired),
    held: groupRecords(ledger.devices),
  };
}

async function configMaps(inputs: CredentialsInputs, ledger: CredentialLedger): Promise<Owned[]> {
  const { cluster, namespace, authority } = inputs;
  const address = addressOf(namespace, LEDGER_CONFIG_MAP);
  const labels = objectLabels({ cluster });
  const own = { ...address, metadata: { ...address.metadata, labels }, data: ledgerData(ledger) };
  if (authority === undefined) return [own];
  const seed = JSON.parse(authority) as AuthoritySeed;
  return [own, await authorityConfigMap(inputs, seed, ledger, new Date())];
}

/** @throws VisibleError for a change that would lock every board out that was not flashed yet */
function refuseAbruptChange(before: MqttAuth | undefined, after: MqttAuth): void {
  if (before === undefined || before === after || before === "both" || after === "both") return;
  throw new VisibleError(
    `mqtt.auth would change from "${before}" to "${after}", and no board holds that yet.`,
    {
      hint: 'Change it to "both" first, flash the boards, and then go on.',
    },
  );
}

async function liveLedger(api: KubernetesApi, namespace: string): Promise<CredentialLedger[]> {
  const live = await readLedger(api, namespace);
  return live ? [live] : [];
}

function withRetired(retired: Record<string, number>): CredentialLedger {
  return { devices: new Map(), retired: new Map(Object.entries(retired)) };
}

function rememberedIn({ remembered, held }: CredentialsOutputs): CredentialLedger {
  return { ...withRetired(remembered), devices: ungroupRecords(held ?? {}) };
}

/** The broker waits for this resource, so it was not told of them. */
function wereRevived(names: string[]): VisibleError {
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");
  return new VisibleError(
    `What the fleet remembers of its credentials was lost in the cluster, and these devices were about to get credentials that are revoked: ${shown}.`,
    { hint: "It is restored from the stack's state now. Run the update again." },
  );
}

/** For a write of which nobody knows whether it was carried out: the next run writes it again. */
function unwritten(inputs: CredentialsInputs): CredentialsOutputs & { __provider?: unknown } {
  const { namespace, owner, clusterUid, kubernetes } = inputs;
  const { __provider } = inputs as CredentialsInputs & { __provider?: unknown };
  return {
    ...{ namespace, owner, clusterUid, ...(kubernetes && { kubernetes }), __provider },
    ...{ applied: "", written: {}, auth: inputs.auth, remembered: {} },
  };
}

function addressOf(namespace: string, name: string) {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name } };
}

function ownedKeys(name: string): OwnedKeys {
  const labels = Object.keys(objectLabels({ cluster: "" })).sort();
  return { data: DATA[name] ?? [], labels, annotations: [OWNER_ANNOTATION] };
}

export const credentialsProvider: DynamicProvider<CredentialsInputs, CredentialsOutputs> = {
  diff,
  create,
  update,
  read,
  delete: remove,
};
