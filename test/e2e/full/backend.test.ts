import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { cluster, device, deviceClass } from "../manifests.ts";
import { TestProject } from "../test-project.ts";
import { type S3Server, startS3 } from "./support/servers.ts";

// A stack whose state is in S3, on a real server: versitygw over a folder, built from the Go module proxy.
// https://github.com/versity/versitygw
const BUCKET = "fleet-state";

describe("a stack whose state is in S3", () => {
  let server: S3Server;
  let project: TestProject;
  const objects = async () =>
    (await execa("find", [join(server.folder, BUCKET), "-type", "f"])).stdout.split("\n").filter(Boolean);

  beforeAll(async () => {
    server = await startS3([BUCKET]);
    const url = `s3://${BUCKET}?endpoint=${server.endpoint}&use_path_style=true&region=us-east-1&disable_https=true`;
    project = await TestProject.create(undefined, inject("kubeconfig"), {
      AWS_ACCESS_KEY_ID: server.accessKeyId,
      AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
      AWS_REGION: "us-east-1",
      PULUMI_BACKEND_URL: url,
    });
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
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
      ["-rlF", "-e", password, "-e", Buffer.from(password).toString("base64"), server.folder],
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
