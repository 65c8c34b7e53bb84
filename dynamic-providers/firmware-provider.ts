// The provider of a class's firmware: builds it where its content hash is new, keeps it in the artefact store.
// Starts builders; touches the artefact store and the cache folder. The state keeps the reference, never bytes.
import { buildFirmware } from "../builders/build-firmware.ts";
import type { ArtifactReference, ArtifactStore, FirmwareRequest } from "../builders/contract.ts";
import { openStore, type StoreAccess, type StoreDescription } from "../builders/stores/open-store.ts";
import { dropBills, keepBill } from "../flash/firmware-bills.ts";
import { flashConfigMapName } from "../model/names.ts";
import { stderrProgress } from "../toolchain/progress.ts";
import { explainWriteError } from "./explain-write-error.ts";
import { jobExecutors } from "./job-executors.ts";
import type { DynamicProvider } from "./provider.ts";
import { stableDigest } from "./stable-digest.ts";
import { type ClusterInputs, connectFor } from "./stack-connection.ts";
import { failedNews, type Happened, tell } from "./tell.ts";

/** What to build, without secrets and without folders of this machine. */
export type FirmwareDescription = Omit<FirmwareRequest, "projectFolder" | "secrets">;

interface StoreInputs extends ClusterInputs {
  class: string;
  cluster: string;
  namespace: string;
  /** `<project>/<stack>/<resource>`: in whose name the store keeps it. */
  owner: string;
  store: StoreDescription;
  /** A `StoreAccess` as text; secret. Only for stores outside of the cluster. */
  access?: string;
  /** Secret that whoever flashes reads. */
  accessSecret?: string;
}

export interface FirmwareInputs extends StoreInputs {
  firmware: FirmwareDescription;
  /** SHA-256 of all that the build depends on. */
  contentHash: string;
  /** Its parts by name, for previews. */
  builtFrom: Record<string, string>;
  /** A `FirmwareSecrets` as text; secret. Only where the build reads secrets. */
  secrets?: string;
}

export interface FirmwareSecrets {
  values: Record<string, string>;
  /** Keys the fingerprints in the content hash; base64. */
  key: string;
}

export interface FirmwareOutputs extends StoreInputs {
  reference: ArtifactReference;
  /** Digest of all inputs that the outcome depends on, as they were applied. */
  applied: string;
  /** Set by a refresh that did not find the artefact in its store, whole. */
  missing?: true;
}

async function diff(_id: string, olds: FirmwareOutputs, news: FirmwareInputs) {
  const moved = olds.namespace !== news.namespace || olds.clusterUid !== news.clusterUid;
  return {
    changes:
      moved ||
      olds.missing === true ||
      olds.applied !== appliedDigest(news) ||
      // what gets into the store is kept for reading and deleting there; a new one builds nothing
      olds.access !== news.access,
    replaces: moved ? ["namespace"] : [],
  };
}

async function create(inputs: FirmwareInputs) {
  return { id: `${inputs.namespace}/${inputs.class}`, outs: await buildAndStore(inputs) };
}

async function update(_id: string, olds: FirmwareOutputs, news: FirmwareInputs) {
  const outs = await buildAndStore(news, olds);
  const same =
    outs.reference.digest === olds.reference.digest &&
    olds.owner === news.owner &&
    stableDigest(olds.store) === stableDigest(news.store);
  if (!same) await (await storeOf(olds)).delete(olds.reference);
  return { outs };
}

async function read(id: string, props: FirmwareOutputs) {
  const { missing: _, ...rest } = props;
  const archive = await (await storeOf(props)).read(props.reference);
  return { id, props: archive ? rest : { ...rest, missing: true as const } };
}

async function remove(_id: string, props: FirmwareOutputs) {
  await (await storeOf(props)).delete(props.reference);
  await dropBills(await connectFor(props), props.namespace, [props.owner]);
}

/** @param before what the class has until now */
async function buildAndStore(inputs: FirmwareInputs, before?: FirmwareOutputs): Promise<FirmwareOutputs> {
  const secrets = inputs.secrets === undefined ? undefined : (JSON.parse(inputs.secrets) as FirmwareSecrets);
  const request: FirmwareRequest = {
    ...inputs.firmware,
    projectFolder: process.cwd(),
    ...(secrets && { secrets: secrets.values }),
  };
  // before anything is built: what is wrong with it shows at once, and others may have built this already
  const store = await storeOf(inputs);
  const began = Date.now();
  const { artifact, archive, record, built } = await buildFirmware(request, {
    progress: stderrProgress(),
    shared: store,
    jobs: jobExecutors(inputs, store),
    ...(secrets && { secretKey: Buffer.from(secrets.key, "base64") }),
  }).catch((error) => failing(error, inputs));
  const seconds = (Date.now() - began) / 1000;
  const reference = await store
    .put(artifact, archive, record)
    .catch((error) =>
      failing(explainWriteError(error, `the firmware of class ${inputs.class}`, inputs.namespace), inputs),
    );
  if (before && before.reference.digest !== reference.digest) await rememberBill(before, inputs);
  await store.keepOnly(reference);
  await tellOf(inputs, buildNews(artifact.digest, built, seconds));
  const { class: name, cluster, namespace, owner, store: description, clusterUid } = inputs;
  const { kubernetes, access, accessSecret } = inputs;
  return {
    ...{ class: name, cluster, namespace, owner, store: description, clusterUid },
    ...(kubernetes && { kubernetes }),
    ...(access !== undefined && { access }),
    ...(accessSecret !== undefined && { accessSecret }),
    reference,
    applied: appliedDigest(inputs),
  };
}

/**
 * Boards run the old firmware until somebody flashes them, so what is in it stays known. The bill of the very last one is
 * kept even if no board is known to run it: one may have been exported, or be under way.
 */
async function rememberBill(before: FirmwareOutputs, news: FirmwareInputs): Promise<void> {
  const api = await connectFor(before);
  const { digest } = before.reference;
  const archive = await (await storeOf(before)).read(before.reference);
  if (archive) await keepBill(api, { ...before, digest }, archive);
  await dropBills(api, before.namespace, [before.owner, news.owner], [digest]);
}

async function failing(error: unknown, inputs: FirmwareInputs): Promise<never> {
  await tellOf(inputs, failedNews(error));
  throw error;
}

function buildNews(digest: string, built: boolean, seconds: number): Happened {
  const normal = { type: "Normal" as const, action: "Build" };
  return built
    ? { ...normal, reason: "FirmwareBuilt", note: `${digest}, built in ${seconds.toFixed(1)} s.`, seconds }
    : { ...normal, reason: "FirmwareCached", note: `${digest} was built before.` };
}

/** Where there is no custom resource, the ConfigMap that holds the class's flash script stands for the class. */
async function tellOf(inputs: FirmwareInputs, news: Happened): Promise<void> {
  const { namespace, class: name } = inputs;
  const connect = () => connectFor(inputs);
  const otherwise = async () => {
    const metadata = { namespace, name: flashConfigMapName(name) };
    return (await connect()).getOrUndefined({ apiVersion: "v1", kind: "ConfigMap", metadata });
  };
  const happened = { ...news, builder: inputs.firmware.builder.name };
  await tell(connect, { kind: "DeviceClass", namespace, name, otherwise }, happened);
}

function appliedDigest({ firmware, contentHash, store }: FirmwareInputs): string {
  return stableDigest([firmware, contentHash, store]);
}

async function storeOf(inputs: StoreInputs): Promise<ArtifactStore> {
  const { store, owner, namespace, clusterUid, access, accessSecret } = inputs;
  return await openStore(store, {
    user: owner,
    place: { clusterUid, namespace, class: inputs.class },
    access: access === undefined ? undefined : (JSON.parse(access) as StoreAccess),
    accessSecret,
    api: () => connectFor(inputs),
    warn: (line) => process.stderr.write(`${line}\n`),
  });
}

export const firmwareProvider: DynamicProvider<FirmwareInputs, FirmwareOutputs> = {
  diff,
  create,
  update,
  read,
  delete: remove,
};
