// Builders as Jobs on a real node: what they are given, what comes back, what they may do, and what becomes of them
// when something goes wrong. Skipped where no node can run.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildFirmware } from "../../../builders/build-firmware.ts";
import type { ExecutorJob, FirmwareRequest } from "../../../builders/contract.ts";
import { type GitSource, JOB_LABEL } from "../../../builders/kubernetes-job/contract.ts";
import { type JobExecutorOptions, KubernetesJobExecutor } from "../../../builders/kubernetes-job/executor.ts";
import { jobObjectNames } from "../../../builders/kubernetes-job/names.ts";
import { S3Store } from "../../../builders/stores/s3.ts";
import { TurnQueue } from "../../../builders/turn-queue.ts";
import type { WorkFolder } from "../../../builders/work-folder.ts";
import { KubernetesApi, KubernetesError, type KubernetesObject } from "../../../kubernetes/api.ts";
import { loadConnection } from "../../../kubernetes/kubeconfig.ts";
import { requestToken } from "../../../kubernetes/service-account-token.ts";
import { status } from "../../../toolchain/embedded-kubernetes/cluster.ts";
import { soundFirmware, temporaryCache, workFolder, writeFiles } from "../../builders/support.ts";
import { startGitServer } from "./support/git-server.ts";
import { leftOfJobs } from "./support/left-of-jobs.ts";
import { nodeIsPossible, startTestNode, type TestNode } from "./support/node.ts";
import { startProxy } from "./support/proxy.ts";
import { startS3 } from "./support/servers.ts";
import { loadStepsImage } from "./support/steps-image.ts";

const place = temporaryCache();

function prefixed(folder: string): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(soundFirmware()).map(([name, bytes]) => [`${folder}/${name}`, bytes]),
  );
}
const NAMESPACE = "default";
const SECRET = "hunter2-hunter2";

describe.skipIf(!nodeIsPossible)("a builder as a Kubernetes Job", () => {
  let node: TestNode;
  let stepsImage = "";
  beforeAll(async () => {
    node = await startTestNode();
    stepsImage = await loadStepsImage(node.target);
  });
  afterAll(async () => await node?.remove());

  function executor(options: Partial<JobExecutorOptions> = {}): KubernetesJobExecutor {
    const { hostname: apiHost, port: apiPort } = new URL(node.api.server);
    return new KubernetesJobExecutor({
      ...{ api: node.api, namespace: NAMESPACE, stepsImage, queue: new TurnQueue(2) },
      hostNetwork: { apiHost, apiPort },
      ...options,
    });
  }

  function firmwareRequest(script: string, source: { source: string } | { git: GitSource }): FirmwareRequest {
    return {
      builder: { name: "command", ...source, args: { command: ["/bin/sh", "-c", script] } },
      chip: "esp32",
      config: { label: "cfg", size: 0x6000 },
      container: { image: node.shell },
      job: {},
      projectFolder: place.folder,
    };
  }

  /** What a script is to do, as the one builder of a Job; what it hands back is config.bin and config.csv. */
  async function jobOf(script: string, changes: Partial<ExecutorJob> = {}): Promise<ExecutorJob> {
    return {
      name: 'builder "test"',
      command: ["/bin/sh", "-c", script],
      environment: { COLOUR: "green $(HOME) $" },
      timeLimit: 120_000,
      masked: [SECRET],
      work: await workFolder({ args: { board: "b" }, secrets: { "a.token": SECRET } }),
      container: { image: node.shell, memory: "64m", cpus: 0.5 },
      ...changes,
    };
  }

  async function run(script: string, changes: Partial<ExecutorJob> = {}, signal?: AbortSignal) {
    const job = await jobOf(script, changes);
    const said: string[] = [];
    const heard = (lines: readonly string[]) => void said.push(...lines);
    const error = await executor()
      .run({ ...job, heard }, { signal })
      .catch((caught: unknown) => caught);
    const output = await outputOf(job.work);
    await job.work.remove();
    return { error: error as (Error & { hint?: string }) | undefined, output, said };
  }

  async function outputOf(work: WorkFolder): Promise<Record<string, string>> {
    const names = await readdir(work.output);
    const all = names.map(async (name) => [name, await readFile(join(work.output, name), "utf8")] as const);
    return Object.fromEntries(await Promise.all(all));
  }

  async function all(kind: string, apiVersion = "v1"): Promise<KubernetesObject[]> {
    return await node.api.list({ apiVersion, kind, namespace: NAMESPACE }, { labelSelector: JOB_LABEL });
  }

  const jobs = () => all("Job", "batch/v1");
  const pods = () => all("Pod");

  async function runningPod(container = "build-0"): Promise<KubernetesObject> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(100)) {
      for (const pod of await pods()) {
        const { initContainerStatuses = [] } = (pod.status ?? {}) as {
          initContainerStatuses?: { name: string; state: { running?: unknown } }[];
        };
        const live = pod.metadata.deletionTimestamp === undefined;
        if (live && initContainerStatuses.some((one) => one.name === container && one.state.running))
          return pod;
      }
    }
    throw new Error("no pod came up");
  }

  async function nothingIsLeft(): Promise<void> {
    expect(await leftOfJobs(node.api, NAMESPACE)).toEqual([]);
  }

  it("is given what every builder is given, no rights and no token, and hands back its output", async () => {
    const { error, output, said } = await run(`
      echo "token is $(cat input/secrets/a.token)"
      { cat input/args.json; cat input/secrets/a.token; echo " $COLOUR"; id; echo "$HOME $TMPDIR"; } > output/config.bin
      for file in input/args.json input/secrets/new input/new input/source/new /etc/new /work/new; do
        (echo x > $file) 2>/dev/null && echo $file >> output/config.csv
      done
      echo x > $TMPDIR/scratch && echo x > /tmp/scratch && echo scratch >> output/config.csv
      ls /var/run/secrets /edgeflock 2>&1 | grep -v 'No such' >> output/config.csv
      env | grep -i -e token -e hunter2 -e pulumi >> output/config.csv
      grep -e NoNewPrivs -e CapEff -e Seccomp: /proc/self/status >> output/config.csv`);
    expect(error).toBeUndefined();
    expect(output["config.bin"]).toContain('"board": "b"');
    expect(output["config.bin"]).toContain(`${SECRET} green $(HOME) $`);
    expect(output["config.bin"]).toContain("uid=65532 gid=65532");
    expect(output["config.bin"]).toContain("/work/tmp /work/tmp");
    expect(output["config.csv"]!.split("\n").map((line) => line.replace(/\s+/g, " "))).toEqual([
      "scratch",
      "CapEff: 0000000000000000",
      "NoNewPrivs: 1",
      "Seccomp: 2",
      "",
    ]);
    expect(said).toEqual(["token is •••"]);
    await expect.poll(jobs).toEqual([]);
  });

  it("makes the firmware of a class", async () => {
    const source = await writeFiles(join(place.folder, "firmware"), soundFirmware());
    const request = firmwareRequest("echo hello; cp input/source/* output/", { source });
    const built = await buildFirmware(request, { jobs: async () => executor() });
    expect(built).toMatchObject({ built: true, artifact: { version: "1.0.0" }, record: { log: "hello" } });
    const again = { ...request, job: { priority: 3 } };
    expect((await buildFirmware(again, { jobs: async () => executor() })).built).toBe(false);
  });

  it("fetches its source by commit from git, with the same result as on this machine", async () => {
    await using repository = await startGitServer(
      await writeFiles(join(place.folder, "r"), { ...prefixed("fw") }),
    );
    const git = { url: repository.url, commit: repository.commit, path: "fw" };
    const script = "ls -a input/source | grep -q git && exit 1; cp input/source/* output/";
    const { container: _, job: __, ...here } = firmwareRequest(script, { git });
    const local = await buildFirmware(here);
    const request = firmwareRequest(script, { git });
    const built = await buildFirmware(request, { jobs: async () => executor() });
    expect(built).toMatchObject({ built: true, artifact: { digest: local.artifact.digest } });
    expect(built.record.source).toEqual({ commit: git.commit, describe: git.commit.slice(0, 12) });
    const unknown = { ...git, commit: "0".repeat(40) };
    const failing = buildFirmware(firmwareRequest(script, { git: unknown }), {
      jobs: async () => executor(),
    });
    await expect(failing).rejects.toThrow(/could not be given its input: .*not our ref/s);
  });

  it("sends firmware to S3 by a URL for that alone, and waits where S3 is away for a minute", async () => {
    await using s3 = await startS3(["firmware"]);
    await using proxy = await startProxy(Number(new URL(s3.endpoint).port));
    const { accessKeyId, secretAccessKey } = s3;
    const credentials = { accessKeyId, secretAccessKey };
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    const bucket = { bucket: "firmware", region: "us-east-1", endpoint, credentials };
    const store = new S3Store({ bucket, prefix: "site/", user: "a" });
    const source = await writeFiles(join(place.folder, "firmware"), soundFirmware());
    const request = firmwareRequest("sleep 3; cp input/source/* output/", { source });
    const building = buildFirmware(request, { jobs: async () => executor({ store }) });
    building.catch(() => {});
    const { spec } = await runningPod();
    expect(spec).not.toHaveProperty("serviceAccountName", expect.stringContaining("firmware"));
    await proxy.awayFor(60_000);
    expect(await building).toMatchObject({ built: true, artifact: { version: "1.0.0" } });
    expect(await readdir(join(s3.folder, "firmware", "site", "uploads")).catch(() => [])).toEqual([]);

    const upload = await store.openUpload("one", 60);
    const put = async (url: string, method = "PUT") =>
      (await fetch(url, { method, ...(method === "PUT" && { body: "x" }) })).status;
    expect(await put(upload.url.replace("/one.tar.gz", "/two.tar.gz"))).toBe(403);
    expect(await put(upload.url, "GET")).toBe(403);
    expect(await put(upload.url, "DELETE")).toBe(403);
    expect(await put(upload.url)).toBe(200);
    await upload.remove();
  });

  it("says what failed with its last lines, and masks secrets", async () => {
    const { error } = await run("echo token is $(cat input/secrets/a.token); echo broken >&2; exit 3");
    expect(error?.message).toMatch(/builder "test" failed with exit code 3 \(Job default\/config-/);
    expect(error?.message).toContain("broken");
    expect(error?.message).not.toContain("hunter2");
  });

  it("is stopped at its time limit, and told of a memory limit that did not do", async () => {
    const [late, large, unknown] = await Promise.all([
      run("echo started; sleep 1000", { timeLimit: 3000 }),
      run("x=$(head -c 200000000 /dev/zero | tr '\\0' a)"),
      run("", { command: ["/bin/no-such-program"] }),
    ]);
    expect(late.error?.message).toMatch(/did not end within 3 s and was stopped.*\n {2}started/);
    expect(large.error?.message).toContain("needed more memory than 64m");
    expect(large.error?.hint).toContain("raise the memory");
    expect(unknown.error?.message).toContain("could not be started in its container");
  });

  it("refuses an image that has no digest a node could fetch it by", async () => {
    const { error } = await run("true", { container: { image: `sha256:${"0".repeat(64)}` } });
    expect(error?.message).toContain("which no node can fetch by its digest");
  });

  it("goes with Ctrl-C, and all that belongs to it", async () => {
    for (const job of await jobs()) {
      const { name } = job.metadata;
      const address = { apiVersion: "batch/v1", kind: "Job", metadata: { name, namespace: NAMESPACE } };
      await node.api.delete(address, { propagationPolicy: "Background" });
    }
    const controller = new AbortController();
    const running = run("sleep 1000", {}, controller.signal);
    await runningPod();
    controller.abort();
    const { error } = await running;
    expect(error?.message).toContain("was stopped before it was done");
    await expect.poll(jobs, { timeout: 5000 }).toEqual([]);
    await expect.poll(nothingIsLeft, { timeout: 60_000, interval: 500 }).toBeUndefined();
  });

  it("is one for two who want the same, and stays while one of them does", async () => {
    const contentHash = "5".repeat(64);
    const script = "echo working; sleep 8; echo same > output/config.bin";
    const controller = new AbortController();
    const first = run(script, { contentHash }, controller.signal);
    await runningPod();
    const second = run(script, { contentHash });
    const third = run(script, { contentHash });
    await sleep(2000);
    controller.abort();
    expect((await first).error?.message).toContain("was stopped");
    expect(await jobs()).toHaveLength(1);
    expect(await pods()).toHaveLength(1);
    for (const { error, output, said } of await Promise.all([second, third])) {
      expect(error).toBeUndefined();
      expect(output).toEqual({ "config.bin": "same\n" });
      expect(said).toContain("working");
    }
    await expect.poll(jobs).toEqual([]);
  });

  it("begins anew in another pod where its node drives it out", async () => {
    const running = run("echo began; sleep 5; echo done > output/config.bin");
    const { metadata } = await runningPod();
    await node.api.request("POST", `/api/v1/namespaces/${NAMESPACE}/pods/${metadata.name}/eviction`, {
      body: {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name: metadata.name, namespace: NAMESPACE },
      },
    });
    const { error, output, said } = await running;
    expect(error).toBeUndefined();
    expect(output).toEqual({ "config.bin": "done\n" });
    expect(said.filter((line) => line === "began").length).toBeGreaterThan(1);
  });

  it("comes through when the API server, where artefacts are, is away for a minute", async () => {
    const running = run("sleep 4; echo done > output/config.bin");
    await runningPod();
    const { components } = await status(node.folder);
    const { pid } = components.find(({ name }) => name === "kube-apiserver")!;
    process.kill(pid!, "SIGSTOP");
    try {
      await sleep(60_000);
    } finally {
      process.kill(pid!, "SIGCONT");
    }
    const { error, output } = await running;
    expect(error).toBeUndefined();
    expect(output).toEqual({ "config.bin": "done\n" });
  });

  it("has an upload that may write its own results and nothing else", async () => {
    const contentHash = "7".repeat(64);
    const controller = new AbortController();
    const running = run("sleep 1000", { contentHash }, controller.signal);
    const pod = await runningPod();
    const spec = pod.spec as {
      containers: { name: string; volumeMounts: { name: string }[] }[];
      initContainers: { name: string; volumeMounts: { name: string }[] }[];
      automountServiceAccountToken: boolean;
      serviceAccountName: string;
    };
    const withGrant = [...spec.initContainers, ...spec.containers].filter(({ volumeMounts }) =>
      volumeMounts.some(({ name }) => name === "grant"),
    );
    expect(withGrant.map(({ name }) => name)).toEqual(["upload"]);
    expect(spec.automountServiceAccountToken).toBe(false);

    const name = `firmware-${contentHash.slice(0, 24)}`;
    const names = jobObjectNames(name);
    expect(spec.serviceAccountName).toBe(names.upload);
    const { token } = await requestToken(node.api, { namespace: NAMESPACE, name: names.upload }, 600);
    const connection = await loadConnection({ kubeconfig: node.kubeconfig });
    const upload = new KubernetesApi({
      ...connection,
      tls: { ca: connection.tls.ca! },
      headers: async () => ({ authorization: `Bearer ${token}` }),
    });
    const secrets = `/api/v1/namespaces/${NAMESPACE}/secrets`;
    const patch = { body: { data: { part: "" } }, contentType: "application/merge-patch+json" };
    await node.api.create({
      ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "another", namespace: NAMESPACE } },
    });
    const forbidden: [method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, options?: object][] =
      [
        ["GET", secrets],
        ["GET", `${secrets}/${names.output(0)}`],
        ["GET", `${secrets}/${names.input}`],
        ["GET", `${secrets}/another`],
        ["PATCH", `${secrets}/another`, patch],
        ["PATCH", `${secrets}/${names.input}`, patch],
        ["PATCH", `${secrets}/not-there`, patch],
        ["DELETE", `${secrets}/${names.output(0)}`],
        ["POST", secrets, { body: { apiVersion: "v1", kind: "Secret", metadata: { name: "new" } } }],
        ["GET", `/api/v1/namespaces/${NAMESPACE}/configmaps`],
        ["GET", `/api/v1/namespaces/${NAMESPACE}/pods`],
        ["GET", `/apis/batch/v1/namespaces/${NAMESPACE}/jobs/${name}`],
        ["DELETE", `/apis/batch/v1/namespaces/${NAMESPACE}/jobs/${name}`],
        ["POST", `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${names.upload}/token`, { body: {} }],
        ["GET", "/api/v1/nodes"],
        ["GET", "/api/v1/namespaces/kube-system/secrets"],
      ];
    for (const [method, path, options] of forbidden) {
      const refused = await upload.request(method, path, options).catch((error: unknown) => error);
      expect(refused, `${method} ${path}`).toBeInstanceOf(KubernetesError);
      expect((refused as KubernetesError).status, `${method} ${path}`).toBe(403);
    }
    await upload.request("PATCH", `${secrets}/${names.output(0)}`, patch);
    controller.abort();
    await running;
  });

  it("makes the images of many devices in one Job, and one device's failure is its own", async () => {
    const script = `grep -q two input/secrets/a.token && { echo no; exit 3; }
      cat input/secrets/a.token > output/config.bin; ls input/secrets > output/config.csv`;
    const values = ["one", "two", "three", "four"];
    const made = await Promise.all(
      values.map(async (value) => {
        const work = await workFolder({ secrets: { "a.token": `secret-${value}` } });
        return await jobOf(script, { name: `configuration of ${value}`, work, masked: [`secret-${value}`] });
      }),
    );
    const results = await executor().runAll(made, {});
    expect(results.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
    expect((results[1] as PromiseRejectedResult).reason.message).toContain(
      "configuration of two failed with exit code 3",
    );
    for (const [index, value] of values.entries()) {
      if (value === "two") continue;
      const output = await outputOf(made[index]!.work);
      expect(output).toEqual({ "config.bin": `secret-${value}`, "config.csv": "a.token\n" });
    }
    for (const { work } of made) await work.remove();
  });
});
