// A fleet whose firmware is kept outside of the cluster, from `up` to the real flash script with a flasher's own
// rights: on a real S3 server, in a real OCI registry, and encrypted where it was built with a secret.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { cluster, device, deviceClass } from "../manifests.ts";
import { TestProject } from "../test-project.ts";
import { ageProgram, type Registry, type S3Server, startRegistry, startS3 } from "./support/servers.ts";

const TOKEN = "hunter2-in-the-firmware";

describe("firmware outside of the cluster", () => {
  let s3: S3Server;
  let registry: Registry;
  let project: TestProject;

  beforeAll(async () => {
    s3 = await startS3(["firmware"]);
    registry = await startRegistry();
    project = await TestProject.create(undefined, inject("kubeconfig"), {
      STORE_ID: s3.accessKeyId,
      STORE_KEY: s3.secretAccessKey,
      REGISTRY_USER: registry.username,
      REGISTRY_PASSWORD: registry.password,
      OTA_TOKEN: TOKEN,
    });
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await s3?.[Symbol.asyncDispose]();
    await registry?.[Symbol.asyncDispose]();
  });

  const fromEnv = (first: string, one: string, second: string, other: string) => ({
    [first]: { fromEnv: one },
    [second]: { fromEnv: other },
  });
  const inS3 = (flashing = true) => {
    const keys = fromEnv("accessKeyId", "STORE_ID", "secretAccessKey", "STORE_KEY");
    return {
      kind: "s3",
      endpoint: s3.endpoint,
      bucket: "firmware",
      prefix: "site/",
      credentials: keys,
      ...(flashing && { flashing: keys }),
    };
  };
  const inRegistry = () => {
    const login = fromEnv("username", "REGISTRY_USER", "password", "REGISTRY_PASSWORD");
    const repository = `${registry.host}/site/firmware`;
    return { kind: "oci", repository, plainHttp: true, credentials: login, flashing: login };
  };
  /** What a person at a bench does, with a token for flashing and nothing else. */
  const flash = async (className: string, name: string, folder: string, env: Record<string, string> = {}) => {
    const token = await project.edgeflock(
      "token",
      "flasher",
      "--cluster",
      project.id,
      "--duration",
      "10m",
      "--kubeconfig",
    );
    const kubeconfig = join(project.folder, "flasher.kubeconfig");
    await writeFile(kubeconfig, token.stdout, { mode: 0o600 });
    const script = join(project.folder, "flash.sh");
    await writeFile(script, (await project.output<Record<string, string>>("flashScripts"))[className]!);
    return await execa("sh", [script, name, "--fetch-only", join(project.folder, folder)], {
      env: { ...project.environment, KUBECONFIG: kubeconfig, ...env },
      reject: false,
    });
  };
  const fleet = (artifacts: object) => [
    cluster(project.id, { artifacts }),
    deviceClass("node"),
    device("a", "north"),
  ];

  it("is fetched from S3 by the flash script, and changes nothing when nothing changed", async () => {
    await project.manifests(fleet(inS3()));
    await project.up();
    expect(await project.preview()).toEqual([]);
    expect(await project.up()).toEqual({});
    const ran = await flash("node", "a", "from-s3");
    expect(ran.stderr).toContain("Done");
    expect(ran.exitCode).toBe(0);
    expect(await readdir(join(project.folder, "from-s3", "firmware"))).toContain("sbom.cdx.json");
    for (const text of [await project.state(), await readFile(join(project.folder, "flash.sh"), "utf8")])
      expect(text).not.toContain(s3.secretAccessKey);
  });

  it("says what to do where the flasher may not read it, and takes the person's own access key", async () => {
    await project.manifests(fleet(inS3(false)));
    await project.up();
    const refused = await flash("node", "a", "refused");
    expect(refused.exitCode).toBe(5);
    expect(refused.stderr).toContain("spec.artifacts.flashing");
    const own = { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey };
    expect((await flash("node", "a", "own-key", own)).exitCode).toBe(0);
  });

  it("moves to a registry without a build, leaves nothing in S3, and is fetched by the flash script", async () => {
    await project.manifests(fleet(inRegistry()));
    await project.up();
    expect(await project.preview()).toEqual([]);
    const { stdout } = await execa("find", [join(s3.folder, "firmware"), "-type", "f"]);
    expect(stdout).toBe("");
    const ran = await flash("node", "a", "from-registry");
    expect(ran.stderr).toContain("Done");
    expect(ran.exitCode).toBe(0);
    const wrong = await flash("node", "a", "wrong", { EDGEFLOCK_KUBECTL: "false" });
    expect(wrong.exitCode).not.toBe(0);
  });

  it("is encrypted where it was built with a secret; only whoever may flash decrypts it", async () => {
    // a firmware that is there already stands for what the builder makes
    const source = join(project.folder, "firmware", "prebuilt");
    await execa("mkdir", ["-p", source]);
    await execa("sh", [
      "-c",
      `cp "$1"/* "$2"/ && rm "$2"/sbom.cdx.json`,
      "sh",
      join(project.folder, "from-s3/firmware"),
      source,
    ]);
    const firmware = {
      builder: {
        name: "command",
        source: "firmware",
        args: {
          command: [
            "sh",
            "-c",
            "cp input/source/prebuilt/* output/ && cat input/secrets/ota.token >>output/firmware.bin",
          ],
        },
      },
      secrets: ["ota.token"],
    };
    await project.manifests([
      cluster(project.id, { artifacts: inS3() }),
      deviceClass("node", { firmware, secrets: { "ota.token": { fromEnv: "OTA_TOKEN" } } }),
      device("a", "north"),
    ]);
    await project.up();
    expect(await project.preview()).toEqual([]);
    const { stdout } = await execa("find", [join(s3.folder, "firmware"), "-name", "*.age"]);
    expect(stdout.split("\n")).toHaveLength(1);
    expect((await readFile(stdout)).subarray(0, 21).toString()).toBe("age-encryption.org/v1");
    const without = await flash("node", "a", "no-age", { EDGEFLOCK_AGE: "no-such-age" });
    expect(without.stderr).toContain("age-encryption.org");
    expect(without.exitCode).toBe(3);
    const ran = await flash("node", "a", "decrypted", { EDGEFLOCK_AGE: await ageProgram() });
    expect(ran.stderr).toContain("Done");
    expect(await readFile(join(project.folder, "decrypted/firmware/firmware.bin"), "latin1")).toContain(
      TOKEN,
    );
    expect(await project.state()).not.toContain(TOKEN);
    expect(await project.state()).not.toContain("AGE-SECRET-KEY");
    const found = await execa("grep", ["-rlF", TOKEN, s3.folder], { reject: false });
    expect(found.stdout).toBe("");
  });

  it("names every credential that has no value, with its place in the manifest", async () => {
    const artifacts = {
      ...inS3(),
      credentials: fromEnv("accessKeyId", "NOT_SET_1", "secretAccessKey", "NOT_SET_2"),
    };
    await project.manifests(fleet(artifacts));
    const { stdout, stderr } = await project.previewRaw();
    for (const name of ["NOT_SET_1", "NOT_SET_2"]) expect(stdout + stderr).toContain(name);
    expect(stdout + stderr).toMatch(/stacks\/test\/fleet.yaml:\d+/);
    await project.manifests(fleet({ kind: "cluster" }));
    await project.up();
    expect((await execa("find", [join(s3.folder, "firmware"), "-type", "f"])).stdout).toBe("");
  });
});
