// Builds a class's firmware, or finds that it was built already. Starts builders by an executor; touches the
// cache folder.
import { VisibleError } from "../model/visible-error.ts";
import { explainDiskError } from "../toolchain/cache-entry.ts";
import { cacheFolder } from "../toolchain/cache-folder.ts";
import { quiet } from "../toolchain/progress.ts";
import { cacheKeyFile, readCache, writeCache } from "./artifact-cache.ts";
import { builderNamed } from "./builders.ts";
import { type ContentHash, firmwareContentHash } from "./content-hash.ts";
import type { BuildControl, BuildPlan, BuiltFirmware, Executor, FirmwareRequest, Json } from "./contract.ts";
import { describeArtifact, packOutput } from "./describe-artifact.ts";
import { ContainerExecutor } from "./executors/container.ts";
import { ProcessExecutor } from "./executors/process.ts";
import { withLock } from "./file-lock.ts";
import { interruptible } from "./interruption.ts";
import { WorkFolder } from "./work-folder.ts";

export const DEFAULT_FLASH_SIZE = "4MB";

export interface BuildOptions extends BuildControl {
  /** Default: processes of this machine. */
  executor?: Executor;
  /** Key of the secrets' fingerprints in the content hash; the fleet's own. Needed when there are secrets. */
  secretKey?: Uint8Array | string;
}

export interface PlannedFirmware extends ContentHash {
  /** Whether a build would find its result in the cache. */
  cached: boolean;
}

/** What a build would depend on, and whether one is needed: for previews. Builds nothing. */
export async function planFirmware(
  request: FirmwareRequest,
  options: BuildOptions = {},
): Promise<PlannedFirmware> {
  const plan = await builderNamed(request.builder.name).plan(request, options);
  const content = await firmwareContentHash(plan, request, keyFor(request, options));
  const cached = !readsSecrets(request) && (await readCache(content.hash)) !== undefined;
  return { ...content, cached };
}

/**
 * The firmware of a request: from the cache where its content hash is known, else built. Builds of one hash wait
 * for each other, over processes too.
 *
 * @throws VisibleError for wrong arguments, a builder that fails, and firmware that cannot be flashed
 */
export async function buildFirmware(
  request: FirmwareRequest,
  options: BuildOptions = {},
): Promise<BuiltFirmware> {
  const plan = await builderNamed(request.builder.name).plan(request, options);
  const { hash } = await firmwareContentHash(plan, request, keyFor(request, options));
  try {
    return await interruptible(options.signal, async (signal) => {
      const control = { ...options, signal };
      // a result that may contain a secret is never put where other stacks could find it
      if (readsSecrets(request)) return await runBuild(request, plan, hash, control);
      return (await fromCache(request, hash)) ?? (await buildOnce(request, plan, hash, control));
    });
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") {
      throw new VisibleError("the build was stopped before it was done", { exitCode: 130, cause: error });
    }
    throw await explainDiskError(error, cacheFolder());
  }
}

async function buildOnce(
  request: FirmwareRequest,
  plan: BuildPlan,
  hash: string,
  options: BuildOptions,
): Promise<BuiltFirmware> {
  const progress = options.progress ?? quiet;
  const waiting = (): void => progress.say("The same firmware is being built already; waiting for it.");
  return await withLock(cacheKeyFile(hash), { signal: options.signal, waiting }, async () => {
    const ready = await fromCache(request, hash);
    if (ready) return ready;
    const built = await runBuild(request, plan, hash, options);
    await writeCache(hash, built.archive);
    return built;
  });
}

async function fromCache(request: FirmwareRequest, hash: string): Promise<BuiltFirmware | undefined> {
  const archive = await readCache(hash);
  return (
    archive && {
      artifact: describeArtifact(archive, expectationsOf(request)),
      archive,
      contentHash: hash,
      built: false,
    }
  );
}

async function runBuild(
  request: FirmwareRequest,
  plan: BuildPlan,
  contentHash: string,
  options: BuildOptions,
): Promise<BuiltFirmware> {
  const secrets = request.secrets ?? {};
  const work = await WorkFolder.create({
    source: plan.source,
    args: plan.args,
    classFacts: classFactsOf(request),
    secrets,
  });
  try {
    if (plan.run.kind === "in-process") await plan.run.build(work, options);
    else {
      const { container } = request;
      const executor = options.executor ?? (container ? new ContainerExecutor() : new ProcessExecutor());
      const { kind: _, ...run } = plan.run;
      const name = `firmware builder "${request.builder.name}"`;
      const masked = Object.values(secrets);
      await executor.run({ ...run, name, work, masked, ...(container && { container }) }, options);
    }
    const archive = await packOutput(work.output);
    const artifact = describeArtifact(archive, expectationsOf(request));
    if (readsSecrets(request)) artifact.secretBearing = true;
    return { artifact, archive, contentHash, built: true };
  } finally {
    await work.remove();
  }
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

function keyFor(request: FirmwareRequest, options: BuildOptions): Uint8Array | string {
  if (options.secretKey !== undefined) return options.secretKey;
  if (readsSecrets(request)) throw new Error("fingerprints of secrets need a key");
  return "";
}
