import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { cacheFolder } from "../../../toolchain/cache-folder.ts";
import { findGo } from "../../../toolchain/go.ts";
import { stderrProgress } from "../../../toolchain/progress.ts";
import { cluster, device, deviceClass } from "../manifests.ts";
import { CHECKOUT, TestProject } from "../test-project.ts";

// A stack whose state is in S3, on a real server: versitygw over a folder, built from the Go module proxy.
// https://github.com/versity/versitygw
const VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
const BUCKET = "fleet-state";

describe("a stack whose state is in S3", () => {
  const access = { AWS_ACCESS_KEY_ID: "fleet", AWS_SECRET_ACCESS_KEY: randomBytes(16).toString("hex") };
  let folder: string;
  let server: ChildProcess;
  let project: TestProject;
  const objects = async () =>
    (await execa("find", [join(folder, BUCKET), "-type", "f"])).stdout.split("\n").filter(Boolean);

  beforeAll(async () => {
    const program = await versitygw();
    folder = await mkdtemp(join(CHECKOUT, ".edgeflock", "s3-"));
    await mkdir(join(folder, BUCKET), { recursive: true });
    const port = await freePort();
    server = spawn(program, ["--port", `127.0.0.1:${port}`, "--region", "us-east-1", "posix", folder], {
      env: {
        ...process.env,
        ROOT_ACCESS_KEY: access.AWS_ACCESS_KEY_ID,
        ROOT_SECRET_KEY: access.AWS_SECRET_ACCESS_KEY,
      },
      stdio: "ignore",
    });
    await answering(port);
    const url = `s3://${BUCKET}?endpoint=http://127.0.0.1:${port}&use_path_style=true&region=us-east-1&disable_https=true`;
    project = await TestProject.create(undefined, inject("kubeconfig"), {
      ...access,
      AWS_REGION: "us-east-1",
      PULUMI_BACKEND_URL: url,
    });
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    server?.kill("SIGTERM");
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it("comes up, changes nothing when run again, and keeps no secret in plain in the bucket", async () => {
    await project.manifests([
      cluster(project.id),
      deviceClass("node"),
      device("a", "north"),
      device("b", "north"),
    ]);
    expect(Object.keys(await project.up())).toEqual(["create"]);
    expect(await project.preview()).toEqual([]);
    expect((await objects()).some((file) => /\.pulumi\/stacks\/.*\.json/.test(file))).toBe(true);
    const password = (await project.secret(project.id, "a-device"))!.MQTT_PASSWORD!.toString();
    const search = await execa(
      "grep",
      ["-rlF", "-e", password, "-e", Buffer.from(password).toString("base64"), folder],
      {
        reject: false,
      },
    );
    expect(search.stdout).toBe("");
    expect(existsSync(join(project.folder, ".edgeflock", "state", ".pulumi", "stacks"))).toBe(false);
  });

  it("says who holds the lock after kill -9, and goes on with the same credentials once that is cancelled", async () => {
    const before = await project.secret(project.id, "a-device");
    const more = Array.from({ length: 8 }, (_, n) => device(`c${n}`, "north"));
    await project.manifests([
      cluster(project.id),
      deviceClass("node"),
      ...["a", "b"].map((name) => device(name, "north")),
      ...more,
    ]);
    const running = project.start("up", "--yes", "--skip-preview");
    while ((await project.secret(project.id, "c0-device")) === undefined) await sleep(50);
    running.kill("SIGKILL");
    await running;
    const seen = await project.secret(project.id, "c0-device");
    const second = await project.pulumi("up", "--yes", "--skip-preview");
    expect(second.exitCode).not.toBe(0);
    expect(second.stdout + second.stderr).toMatch(
      new RegExp(`currently locked by 1 lock[\\s\\S]*\\(pid ${running.pid}\\) at \\d{4}-`),
    );
    await project.mustPulumi("cancel", "--yes");
    await project.up();
    expect((await project.secret(project.id, "a-device"))!.MQTT_PASSWORD).toEqual(before!.MQTT_PASSWORD);
    expect((await project.secret(project.id, "c0-device"))!.MQTT_PASSWORD).toEqual(seen!.MQTT_PASSWORD);
    expect(await project.preview()).toEqual([]);
  });
});

/** Built once, into the cache. */
async function versitygw(): Promise<string> {
  const bin = join(cacheFolder(), "test-tools", VERSITYGW.replaceAll("/", "-"));
  const program = join(bin, "versitygw");
  if (!existsSync(program)) {
    const go = await findGo({ progress: stderrProgress() });
    await execa(go.command, ["install", VERSITYGW], { env: { GOBIN: bin, GOTOOLCHAIN: "auto" } });
  }
  return program;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function answering(port: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer) return;
    await sleep(100);
  }
  throw new Error("versitygw does not answer within a minute");
}
