// Builds a class's firmware, or finds that it was built already. Starts builders by an executor; touches the
// cache folder.
import { availableParallelism } from "node:os";
import { VisibleError } from "../model/visible-error.ts";
import { explainDiskError } from "../toolchain/cache-entry.ts";
import { cacheFolder } from "../toolchain/cache-folder.ts";
import { quiet } from "../toolchain/progress.ts";
import { unpackArchive } from "./artifact-archive.ts";
import { cacheKeyFile, type FoundBuild, readCache, writeCache } from "./artifact-cache.ts";
import { type ArtifactIdentity, artifactIdentity } from "./artifact-cipher.ts";
import { buildRecord } from "./build-record.ts";
import { builderNamed } from "./builders.ts";
import { type ContentHash, firmwareContentHash } from "./content-hash.ts";
import type { BuildControl, BuildPlan, BuiltFirmware, Executor, FirmwareRequest, Json } from "./contract.ts";
import { describeArtifact, packOutput } from "./describe-artifact.ts";
import { executorFor, type JobExecutors } from "./executors/executor-for.ts";
import { withLock } from "./file-lock.ts";
import { interruptible } from "./interruption.ts";
import { librariesOf } from "./libraries.ts";
import { SBOM } from "./sbom.ts";
import { hashSourceTree } from "./source-tree.ts";
import { type SourceVersion, sourceVersion } from "./source-version.ts";
import { TurnQueue } from "./turn-queue.ts";
import { WorkFolder } from "./work-folder.ts";

export const DEFAULT_FLASH_SIZE = "4MB";

/** Where others keep what they built: the artefact store of a fleet, say. Never asked for builds that read secrets. */
export interface SharedBuilds {
  /** What somebody built for this hash, whole; undefined where nobody did, or nobody can be asked. */
  findBuild(contentHash: string): Promise<FoundBuild | undefined>;
}

export interface BuildOptions extends BuildControl {
  /** Default: processes of this machine. */
  executor?: Executor;
  /** Key of the secrets' fingerprints in the content hash; the fleet's own. Needed when there are secrets. */
  secretKey?: Uint8Array | string;
  /** Asked where the cache of this machine has nothing. */
  shared?: SharedBuilds;
  /** Runs what is to be built as a Kubernetes Job. */
  jobs?: JobExecutors;
}

export interface PlannedFirmware extends ContentHash {
  /** Whether a build would find its result in the cache of this machine. */
  cached: boolean;
}

/** What a build would depend on, and whether one is needed: for previews. Builds nothing. */
export async function planFirmware(
  request: FirmwareRequest,
  options: BuildOptions = {},
): Promise<PlannedFirmware> {
  const plan = await builderNamed(request.builder.name).plan(request, options);
  const content = await firmwareContentHash(plan, request, keyFor(request, options));
  const cached = (await readCache(content.hash, identityFor(request, options))) !== undefined;
  return { ...content, cached };
}

/** Builds on this machine: as many as pulumi itself would hand over, where it was told to hand over many. */
const turns = new TurnQueue(4 * availableParallelism());

interface Job {
  request: FirmwareRequest;
  plan: BuildPlan;
  content: ContentHash;
  /** Where the build reads secrets. */
  identity: ArtifactIdentity | undefined;
}

/**
 * The firmware of a request: from the cache, or from others, where its content hash is known, else built. Builds of
 * one hash wait for each other, over processes too.
 *
 * @throws VisibleError for wrong arguments, a builder that fails, and firmware that cannot be flashed
 */
export async function buildFirmware(
  request: FirmwareRequest,
  options: BuildOptions = {},
): Promise<BuiltFirmware> {
  const plan = await builderNamed(request.builder.name).plan(request, options);
  const content = await firmwareContentHash(plan, request, keyFor(request, options));
  const job: Job = { request, plan, content, identity: identityFor(request, options) };
  try {
    return await interruptible(options.signal, async (signal) => {
      return (await fromCache(job)) ?? (await buildOnce(job, { ...options, signal }));
    });
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") {
      throw new VisibleError("the build was stopped before it was done", { exitCode: 130, cause: error });
    }
    throw await explainDiskError(error, cacheFolder());
  }
}

async function buildOnce(job: Job, options: BuildOptions): Promise<BuiltFirmware> {
  const { hash } = job.content;
  const progress = options.progress ?? quiet;
  const waiting = (): void => progress.say("The same firmware is being built already; waiting for it.");
  return await withLock(cacheKeyFile(hash), { signal: options.signal, waiting }, async () => {
    const ready = (await fromCache(job)) ?? (await fromOthers(job, options));
    if (ready) return ready;
    const built = await runBuild(job, options);
    await writeCache(built, job.identity);
    return built;
  });
}

async function fromCache(job: Job): Promise<BuiltFirmware | undefined> {
  const found = await readCache(job.content.hash, job.identity);
  return found && asFound(job, found);
}

/** A result that may contain a secret is neither looked for where others could have put it, nor put there. */
async function fromOthers(job: Job, options: BuildOptions): Promise<BuiltFirmware | undefined> {
  if (job.identity !== undefined) return undefined;
  const found = await options.shared?.findBuild(job.content.hash);
  if (found === undefined) return undefined;
  const firmware = asFound(job, found);
  await writeCache(firmware, undefined);
  return firmware;
}

function asFound(job: Job, { archive, record }: FoundBuild): BuiltFirmware {
  const artifact = describeArtifact(archive, expectationsOf(job.request), record.source?.describe);
  if (job.identity !== undefined) artifact.secretBearing = true;
  return { artifact, archive, record, contentHash: job.content.hash, built: false };
}

async function runBuild(job: Job, options: BuildOptions): Promise<BuiltFirmware> {
  const { request, plan, content } = job;
  const started = new Date();
  const secrets = request.secrets ?? {};
  const work = await WorkFolder.create({
    source: plan.source,
    // a Job fetches it itself
    ...(plan.git && !request.job && { git: plan.git }),
    args: plan.args,
    classFacts: classFactsOf(request),
    secrets,
  });
  const log: string[] = [];
  try {
    if (plan.run.kind === "in-process") await plan.run.build(work, options);
    else {
      const { container } = request;
      const executor = options.executor ?? (await executorFor(request, options.jobs));
      const { kind: _, ...run } = plan.run;
      const name = `firmware builder "${request.builder.name}"`;
      const masked = Object.values(secrets);
      const heard = (lines: readonly string[]) => keepLast(log, lines);
      const firmware = { flashSize: request.flashSize ?? DEFAULT_FLASH_SIZE };
      const what = {
        ...{ contentHash: content.hash, firmware },
        ...(container && { container }),
        ...(plan.git && { git: plan.git }),
      };
      const build = () => executor.run({ ...run, name, work, masked, heard, ...what }, options);
      // Jobs have a limit of their own
      await (executor.kind === "kubernetes-job" ? build() : turns.inTurn(0, options.signal, build));
    }
    // a Job that fetched the source itself has told what it names
    const libraries = await librariesOf(plan.source ?? work.source);
    const archive = await packOutput(work.output, libraries);
    const source = await versionOf(plan);
    const artifact = describeArtifact(archive, expectationsOf(request), source?.describe);
    if (job.identity !== undefined) artifact.secretBearing = true;
    const record = buildRecord({
      artifact,
      request,
      contentHash: content.hash,
      parts: content.parts,
      sourceDigest: plan.source === undefined ? undefined : await hashSourceTree(plan.source),
      source,
      bom: Buffer.from(unpackArchive(archive).get(SBOM) ?? "{}").toString("utf8"),
      started,
      finished: new Date(),
      log: log.join("\n"),
    });
    return { artifact, archive, record, contentHash: content.hash, built: true };
  } finally {
    await work.remove();
  }
}

async function versionOf({ source, git }: BuildPlan): Promise<SourceVersion | undefined> {
  if (git) return { commit: git.commit, describe: git.commit.slice(0, 12) };
  return source === undefined ? undefined : await sourceVersion(source);
}

/** Lines of a builder that are remembered. */
const KEPT_LINES = 2000;

function keepLast(log: string[], lines: readonly string[]): void {
  log.push(...lines);
  if (log.length > KEPT_LINES) log.splice(0, log.length - KEPT_LINES);
}

function expectationsOf({ chip, flashSize = DEFAULT_FLASH_SIZE, config, encryption }: FirmwareRequest) {
  return { chip, flashSize, config, ...(encryption && { encryption }) };
}

function classFactsOf(request: FirmwareRequest): Record<string, Json> {
  const sensors = (request.sensors ?? []).map(({ name, driver, unit = "" }) => ({ name, driver, unit }));
  return { ...expectationsOf(request), sensors, settings: request.settings ?? {} };
}

function readsSecrets(request: FirmwareRequest): boolean {
  return Object.keys(request.secrets ?? {}).length > 0;
}

function identityFor(request: FirmwareRequest, options: BuildOptions): ArtifactIdentity | undefined {
  return readsSecrets(request) ? artifactIdentity(keyFor(request, options)) : undefined;
}

function keyFor(request: FirmwareRequest, options: BuildOptions): Uint8Array | string {
  if (options.secretKey !== undefined) return options.secretKey;
  if (readsSecrets(request)) throw new Error("fingerprints of secrets need a key");
  return "";
}
