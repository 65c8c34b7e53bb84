// Brings what a Job's upload left back into work folders. Asks the API server; writes output/.
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { z } from "zod";
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { unpackArchive } from "../artifact-archive.ts";
import type { StoreUpload } from "../contract.ts";
import type { WorkFolder } from "../work-folder.ts";
import { CONTAINERS, type UploadGrant, type UploadReport } from "./contract.ts";
import { containersOf, type PodObject } from "./job-status.ts";
import { patiently, type Waiting } from "./patience.ts";

/** Bytes of a result when it is unpacked; a flash has at most 128 MiB. */
const LARGEST = 256 * 1024 * 1024;
const unzip = promisify(gunzip);

const report = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.int().nonnegative(),
  parts: z.int().min(1),
});

/** What the upload said at its end; undefined where no pod of the Job got that far, or it is gone. */
export function reportOf(pods: readonly PodObject[]): UploadReport | undefined {
  for (const pod of pods) {
    const upload = containersOf(pod).find(({ name }) => name === CONTAINERS.upload);
    const { exitCode, message } = upload?.state.terminated ?? {};
    if (exitCode !== 0 || message === undefined) continue;
    try {
      return report.parse(JSON.parse(message));
    } catch {
      // not what our step says
    }
  }
  return undefined;
}

/**
 * @param store the place in the artefact store, where the upload went there
 * @returns the files by path, as the upload packed them; undefined where not all of it is there
 */
export async function takeUpload(
  api: KubernetesApi,
  to: UploadGrant["to"],
  { sha256, parts }: UploadReport,
  store: StoreUpload | undefined,
  wait: Waiting,
): Promise<Map<string, Uint8Array> | undefined> {
  const bytes =
    to.kind === "objects"
      ? await patiently("the API server", () => joinParts(api, to, parts), wait)
      : await patiently("the artefact store", async () => await store?.read(), wait);
  if (!bytes || createHash("sha256").update(bytes).digest("hex") !== sha256) return undefined;
  const archive = await unzip(bytes, { maxOutputLength: LARGEST });
  // a tar of nothing is no tar to its reader
  return archive.every((byte) => byte === 0) ? new Map() : unpackArchive(archive, "the upload");
}

async function joinParts(
  api: KubernetesApi,
  to: UploadGrant["to"] & { kind: "objects" },
  parts: number,
): Promise<Uint8Array> {
  const kind = to.resource === "secrets" ? "Secret" : "ConfigMap";
  const pieces = await Promise.all(
    to.names.slice(0, parts).map(async (name) => {
      const metadata = { name, namespace: to.namespace };
      const found = await api.getOrUndefined<PartHolder>({ apiVersion: "v1", kind, metadata });
      return Buffer.from((found?.binaryData ?? found?.data)?.part ?? "", "base64");
    }),
  );
  return Buffer.concat(pieces);
}

interface PartHolder extends KubernetesObject {
  data?: { part?: string };
  binaryData?: { part?: string };
}

/** Files of a run lie below its number: `0/flasher_args.json`. */
export async function writeOutputs(
  files: ReadonlyMap<string, Uint8Array>,
  works: readonly WorkFolder[],
): Promise<void> {
  for (const [path, bytes] of files) {
    const [, index, name] = /^(\d+)\/(.+)$/.exec(path) ?? [];
    const work = works[Number(index)];
    if (!work || name === undefined) throw new VisibleError(`the upload holds ${JSON.stringify(path)}`);
    const target = join(work.output, name);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
}
