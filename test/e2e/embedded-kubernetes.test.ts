// The embedded Kubernetes for real: each test has clusters of its own beside the one that other tests share.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";
import {
  type ClusterStatus,
  reset,
  start,
  status,
  stop,
} from "../../toolchain/embedded-kubernetes/cluster.ts";
import { ensureTool } from "../../toolchain/tools.ts";

const EDGEFLOCK = fileURLToPath(new URL("../../bin/edgeflock.mjs", import.meta.url));

function makeProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "edgeflock cluster "));
  writeFileSync(join(folder, "Pulumi.yaml"), "name: p\nruntime: nodejs\n");
  return folder;
}

async function remove(folder: string): Promise<void> {
  await reset(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** A project whose cluster goes away with the test. */
function projectOfTest(): string {
  const folder = makeProject();
  onTestFinished(() => remove(folder));
  return folder;
}

const configMap = (namespace: string, name: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace, ...more },
});

function pidOf(cluster: ClusterStatus, name: string): number {
  return cluster.components.find((component) => component.name === name)!.pid!;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(100);
}

describe("an embedded cluster", () => {
  let project: string;
  let cluster: ClusterStatus;
  let api: KubernetesApi;

  beforeAll(async () => {
    project = makeProject();
    cluster = await start(project);
    api = await connect({ kubeconfig: cluster.kubeconfig });
  });
  afterAll(() => remove(project));

  it("is up when start returns, and a second start changes nothing", async () => {
    expect(cluster.running).toBe(true);
    expect(cluster.version).toBe("v1.36.1");
    expect((await start(project)).components).toEqual(cluster.components);
  });

  it("collects what belongs to a deleted owner", async () => {
    const owner = await api.create(configMap("default", "owner"));
    const uid = (owner as { metadata: { uid: string } }).metadata.uid;
    const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid }];
    await api.create(configMap("default", "owned", { ownerReferences }));
    await api.delete(configMap("default", "owner"));
    await until(async () => (await api.getOrUndefined(configMap("default", "owned"))) === undefined);
  });

  it("deletes a namespace with all that is in it", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "goes-away" } };
    await api.create(namespace);
    await api.create(configMap("goes-away", "in-it"));
    await api.delete(namespace);
    await until(async () => (await api.getOrUndefined(namespace)) === undefined);
  });

  it("makes accounts, gives tokens for them, and lets them do what their roles say and no more", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "accounts" } };
    await api.create(namespace);
    const account = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "default", namespace: "accounts" },
    };
    await until(async () => (await api.getOrUndefined(account)) !== undefined);
    const asked = await api.request<{ status: { token: string } }>(
      "POST",
      "/api/v1/namespaces/accounts/serviceaccounts/default/token",
      {
        body: {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { expirationSeconds: 600 },
        },
      },
    );
    const role = "apiVersion: rbac.authorization.k8s.io/v1";
    const text = [
      `{${role}, kind: Role, metadata: {name: r, namespace: accounts}, rules: [{apiGroups: [''], resources: [configmaps], verbs: [list]}]}`,
      `{${role}, kind: RoleBinding, metadata: {name: r, namespace: accounts}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}, subjects: [{kind: ServiceAccount, name: default}]}`,
    ].join("\n---\n");
    const kubectl = (await ensureTool("kubectl")).path;
    await execa(kubectl, ["--kubeconfig", cluster.kubeconfig, "apply", "-f", "-"], { input: text });
    const config = JSON.parse(readFileSync(cluster.kubeconfig, "utf8"));
    config.users[0].user = { token: asked.status.token };
    const own = join(project, "own-kubeconfig");
    writeFileSync(own, JSON.stringify(config), { mode: 0o600 });
    const get = (kind: string) =>
      execa(kubectl, ["--kubeconfig", own, "-n", "accounts", "get", kind], { reject: false });
    expect((await get("configmaps")).exitCode).toBe(0);
    expect((await get("secrets")).stderr).toContain("forbidden");
  });

  it("keeps its files from everybody else, and Secrets unreadable in the store", async () => {
    const marker = "a-value-that-nobody-else-has";
    const data = { value: Buffer.from(marker).toString("base64") };
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default" }, data };
    await api.create(secret);
    for (const entry of readdirSync(cluster.folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (existsSync(path)) expect(statSync(path).mode & 0o077, path).toBe(0);
    }
    const stored = readdirSync(join(cluster.folder, "etcd"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
    // the name is there, so it is the right store; the value is not
    expect(stored.some((file) => file.includes("/registry/secrets/default/s"))).toBe(true);
    expect(stored.some((file) => file.includes(marker))).toBe(false);
  });

  it("lets nobody in without a certificate, neither at the API nor at the store", async () => {
    const { ports } = JSON.parse(readFileSync(join(cluster.folder, "cluster.json"), "utf8"));
    const curl = (port: number, path: string) =>
      execa("curl", ["-sk", "-o", "/dev/null", "-w", "%{http_code}", `https://127.0.0.1:${port}${path}`], {
        reject: false,
      });
    expect((await curl(ports.apiServer, "/version")).stdout).toBe("401");
    expect((await curl(ports.apiServer, "/api/v1/secrets")).stdout).toBe("401");
    expect((await curl(ports.etcd, "/version")).exitCode).not.toBe(0);
    expect((await curl(ports.etcd, "/metrics")).exitCode).not.toBe(0);
    expect((await curl(ports.controllerManager, "/metrics")).stdout).toBe("403");
  });

  it.runIf(process.platform === "linux")("listens on 127.0.0.1 alone", async () => {
    const pids = cluster.components.map((component) => component.pid!);
    const inodes = new Set(pids.flatMap(socketsOf));
    const lines = ["tcp", "tcp6"].flatMap((table) =>
      readFileSync(`/proc/net/${table}`, "utf8").split("\n").slice(1),
    );
    const listening = lines
      .map((line) => line.trim().split(/\s+/))
      .filter((f) => f[3] === "0A" && inodes.has(f[9]!));
    expect(listening.length).toBeGreaterThanOrEqual(3);
    for (const fields of listening) expect(fields[1]).toMatch(/^0100007F:/);
  });

  it("has no secret on its processes' command lines or in their environment", () => {
    if (process.platform !== "linux") return;
    const secrets = readdirSync(join(cluster.folder, "pki"))
      .map(
        (file) =>
          readFileSync(join(cluster.folder, "pki", file), "utf8").match(/PRIVATE KEY-----\n(.{40})/)?.[1],
      )
      .filter((text) => text !== undefined);
    expect(secrets.length).toBeGreaterThan(5);
    for (const { pid } of cluster.components) {
      const seen =
        readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/environ`, "utf8");
      for (const secret of secrets) expect(seen).not.toContain(secret);
      expect(seen).not.toContain("VITEST");
    }
  });
});

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      // closed since
      return [];
    }
  });
}

/** Takes a port; the result gives it back. */
function listen(port: number): Promise<() => void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(() => void server.close()));
  });
}

describe("a cluster that was killed", () => {
  it("comes back on the same port with its data, whichever of its processes died", async () => {
    const project = projectOfTest();
    const first = await start(project);
    const api = await connect({ kubeconfig: first.kubeconfig });
    await api.create(configMap("default", "kept"));
    for (const { pid } of first.components) process.kill(pid!, "SIGKILL");
    await until(async () =>
      (await status(project)).components.every((component) => component.pid === undefined),
    );
    expect((await status(project)).hasData).toBe(true);
    const second = await start(project);
    expect(second.server).toBe(first.server);
    expect(await api.getOrUndefined(configMap("default", "kept"))).toBeDefined();

    process.kill(pidOf(second, "kube-apiserver"), "SIGKILL");
    await until(async () => !(await status(project)).running);
    const third = await start(project);
    expect(third.running).toBe(true);
    expect(await api.getOrUndefined(configMap("default", "kept"))).toBeDefined();
  });

  it("stops and starts with its data, and takes another port where its own is taken", async () => {
    const project = projectOfTest();
    const first = await start(project);
    await (await connect({ kubeconfig: first.kubeconfig })).create(configMap("default", "kept"));
    await stop(project);
    const stopped = await status(project);
    expect(stopped.running).toBe(false);
    expect(stopped.components.map((component) => component.pid)).toEqual([undefined, undefined, undefined]);

    const squatter = await listen(Number(new URL(first.server!).port));
    onTestFinished(squatter);
    const second = await start(project);
    expect(second.server).not.toBe(first.server);
    const api = await connect({ kubeconfig: second.kubeconfig });
    expect(await api.getOrUndefined(configMap("default", "kept"))).toBeDefined();
  });
});

describe("two of everything", () => {
  it("two starts at once give one cluster, and two folders two", async () => {
    const [one, other] = [projectOfTest(), projectOfTest()];
    const run = (cwd: string) => execa(process.execPath, [EDGEFLOCK, "cluster", "start", "--json"], { cwd });
    const [a, b, c] = await Promise.all([run(one), run(one), run(other)]);
    const [first, second, third] = [a, b, c].map((ran) => JSON.parse(ran.stdout) as ClusterStatus);
    expect(first!.components).toEqual(second!.components);
    expect([first!.running, third!.running]).toEqual([true, true]);
    expect(third!.server).not.toBe(first!.server);
    expect(a.stderr + b.stderr).toContain("waiting for it");

    await stop(one);
    expect((await status(other)).running).toBe(true);
  });

  it("a checkout that was moved while its cluster ran takes it along", async () => {
    const project = makeProject();
    const moved = `${project} moved`;
    onTestFinished(() => remove(moved));
    const before = await start(project);
    await (await connect({ kubeconfig: before.kubeconfig })).create(configMap("default", "kept"));
    renameSync(project, moved);
    const after = await start(moved);
    expect(after.running).toBe(true);
    expect(pidOf(after, "etcd")).not.toBe(pidOf(before, "etcd"));
    const api = await connect({ kubeconfig: after.kubeconfig });
    expect(await api.getOrUndefined(configMap("default", "kept"))).toBeDefined();
  });
});

describe("the cluster command", () => {
  const run = (cwd: string, ...args: string[]) =>
    execa(process.execPath, [EDGEFLOCK, "cluster", ...args], { cwd, reject: false, stdin: "ignore" });

  it("says what is there, with exit code 3 where nothing runs, and resets only after a yes", async () => {
    const project = projectOfTest();
    const before = await run(project, "status");
    expect(before.exitCode).toBe(3);
    expect(before.stdout).toContain("has no data yet. Start it with: npm run cluster -- start");
    expect((await run(project, "stop")).stdout).toContain("was not running");
    expect((await run(project, "start")).stdout).toMatch(/is up at https:\/\/127\.0\.0\.1:\d+/);
    const up = await run(project, "status");
    expect(up.exitCode).toBe(0);
    expect(up.stdout.match(/ready \(process \d+\)/g)).toHaveLength(3);

    // the same cluster, for the time that it takes to start one
    const asked = await run(project, "reset");
    expect(asked.exitCode).toBe(1);
    expect(asked.stderr).toContain("--yes");
    expect((await status(project)).running).toBe(true);
    expect((await run(project, "reset", "--yes")).exitCode).toBe(0);
    const gone = await status(project);
    expect([gone.running, gone.hasData]).toEqual([false, false]);
  });

  it("that is interrupted leaves nothing running, and the next start works", async () => {
    const project = projectOfTest();
    const starting = execa(process.execPath, [EDGEFLOCK, "cluster", "start"], {
      cwd: project,
      reject: false,
    });
    await until(async () =>
      (await status(project)).components.some((component) => component.pid !== undefined),
    );
    starting.kill("SIGINT");
    const ended = await starting;
    expect(ended.exitCode).toBe(130);
    expect(ended.stderr).toContain("Stopped.");
    expect((await status(project)).components.every((component) => component.pid === undefined)).toBe(true);
    expect((await start(project)).running).toBe(true);
  });

  it("explains a start that fails by the log's last lines", async () => {
    const project = projectOfTest();
    await start(project);
    await stop(project);
    const wal = join(project, ".edgeflock/kubernetes/etcd/member/wal");
    for (const file of readdirSync(wal)) writeFileSync(join(wal, file), "not a log");
    const failed = await run(project, "start");
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toMatch(
      /did not come up: etcd ended while it was starting. Its last lines:\n {2}\S/,
    );
    expect(failed.stderr).toContain("cluster reset");
    expect(failed.stderr).not.toMatch(/\n\s+at /);
  });
});
