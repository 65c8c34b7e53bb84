// Uploads what the builders of a pod left, with a right that is good for this and nothing else. Reads mounted volumes;
// sends to the API server or to a URL; tries again for as long as its pod may live.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { KubernetesApi, KubernetesError } from "../../kubernetes/api.ts";
import { urlHost } from "../../model/url-host.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { PATHS, type UploadGrant, type UploadReport } from "../kubernetes-job/contract.ts";
import { collectConfigs, collectFirmware } from "./collect.ts";

/** Bytes in one object: see builders/stores/artifact-parts.ts. */
const PART = 900 * 1024;
/** Milliseconds. */
const LONGEST_PAUSE = 10_000;

export async function upload(): Promise<void> {
  const grant = JSON.parse(await readFile(join(PATHS.grant, "grant.json"), "utf8")) as UploadGrant;
  const archive =
    grant.what === "firmware"
      ? await collectFirmware(PATHS.output, join(PATHS.input, "source"))
      : await collectConfigs(PATHS.output);
  // level 6, as everywhere: equal files give equal bytes
  const bytes = gzipSync(archive);
  const parts =
    grant.to.kind === "objects" ? await toObjects(grant.to, bytes) : await toUrl(grant.to.url, bytes);
  const report: UploadReport = {
    sha256: createHash("sha256").update(bytes).digest("hex"),
    size: bytes.length,
    parts,
  };
  console.log(`uploaded ${bytes.length} bytes, sha256:${report.sha256}`);
  await writeFile("/dev/termination-log", JSON.stringify(report));
}

async function toObjects(to: UploadGrant["to"] & { kind: "objects" }, bytes: Uint8Array): Promise<number> {
  const parts = Math.max(1, Math.ceil(bytes.length / PART));
  if (parts > to.names.length) {
    throw new VisibleError(
      `the result has ${bytes.length} bytes when packed; there is room for ${to.names.length * PART}`,
    );
  }
  const api = await connect();
  const field = to.resource === "secrets" ? "data" : "binaryData";
  for (let index = 0; index < parts; index++) {
    const part = Buffer.from(bytes.subarray(index * PART, (index + 1) * PART)).toString("base64");
    const path = `/api/v1/namespaces/${to.namespace}/${to.resource}/${to.names[index]}`;
    await untilDone("the API server", () =>
      api.request("PATCH", path, {
        body: { [field]: { part } },
        contentType: "application/merge-patch+json",
        query: { fieldManager: "edgeflock-upload" },
      }),
    );
  }
  return parts;
}

/** As a pod does: by the address that Kubernetes gives each, and its own token, which is renewed while it lives. */
async function connect(): Promise<KubernetesApi> {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = process.env;
  const token = join(PATHS.grant, "token");
  return new KubernetesApi({
    server: `https://${urlHost(host)}:${port}`,
    contextName: "the pod",
    namespace: "",
    tls: { ca: await readFile(join(PATHS.grant, "ca.crt")) },
    headers: async () => ({ authorization: `Bearer ${(await readFile(token, "utf8")).trim()}` }),
  });
}

async function toUrl(url: string, bytes: Uint8Array): Promise<number> {
  await untilDone("the artefact store", async () => {
    const answer = await fetch(url, {
      method: "PUT",
      body: bytes as Uint8Array<ArrayBuffer>,
      signal: AbortSignal.timeout(5 * 60_000),
    });
    if (answer.ok) return;
    const text = (await answer.text().catch(() => "")).slice(0, 300);
    throw new Refused(answer.status, `the artefact store answers ${answer.status} ${text}`);
  });
  return 1;
}

class Refused extends VisibleError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Whoever is away comes back; whoever refuses goes on refusing. The Job's deadline ends it. */
async function untilDone(who: string, send: () => Promise<unknown>): Promise<void> {
  for (let pause = 500; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      await send();
      return;
    } catch (error) {
      const status = error instanceof KubernetesError || error instanceof Refused ? error.status : undefined;
      if (status !== undefined && status < 500 && status !== 429 && status !== 408) throw error;
      // the message may hold a URL that is as good as a password
      console.log(
        `${who} does not take it now (${status ?? codeOf(error)}); trying again in ${pause / 1000} s`,
      );
      await sleep(pause);
    }
  }
}

function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: string; cause?: { code?: string } };
  return cause?.code ?? code ?? "it cannot be reached";
}
