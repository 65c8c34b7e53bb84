// A fleet's own users at a real S3 server: their rights end at the fleet's bucket and prefix, and everything that a fleet
// does with its store is done by them.
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { S3Client } from "../../../builders/stores/s3-client.ts";
import { type AccessKey, IamUsers } from "../../../dynamic-providers/iam-users.ts";
import { connect } from "../../../kubernetes/api.ts";
import { STORE_USERS, type StoreUserKind, storeUserName } from "../../../model/artifact-policy.ts";
import { reviewed } from "../access-matrix.ts";
import { cluster, device, deviceClass } from "../manifests.ts";
import { STACK, TestProject } from "../test-project.ts";
import { type S3Server, startS3 } from "./support/servers.ts";

const BUCKET = "firmware";
const PREFIX = "greenhouse/";
/** Of our objects, of another prefix, of another bucket. */
const PLACES = [
  [BUCKET, `${PREFIX}tried`],
  [BUCKET, "elsewhere/tried"],
  [BUCKET, "greenhouse-2/tried"],
  ["other", `${PREFIX}tried`],
] as const;
const ACTIONS = ["get", "put", "delete", "list"] as const;

describe("a fleet's own users in its object store", () => {
  let server: S3Server;
  let project: TestProject;
  let namespace: string;

  const declare = (iam: object = {}) =>
    project.manifests([
      cluster(namespace, {
        artifacts: {
          kind: "s3",
          bucket: BUCKET,
          prefix: PREFIX,
          endpoint: server.endpoint,
          iam: {
            url: server.iam,
            admin: { accessKeyId: { fromConfig: "iamId" }, secretAccessKey: { fromConfig: "iamKey" } },
            ...iam,
          },
        },
      }),
      deviceClass("node"),
      device("a", "north"),
    ]);
  const secretOf = { store: "artifact-store", flashing: "artifact-access" } as const;
  async function keyOf(kind: StoreUserKind): Promise<AccessKey> {
    const secret = (await project.secret(namespace, `${namespace}-${secretOf[kind]}`))!;
    return {
      accessKeyId: String(secret["access-key-id"]),
      secretAccessKey: String(secret["secret-access-key"]),
    };
  }
  const at = (bucket: string, credentials: AccessKey) =>
    new S3Client({ bucket, region: "us-east-1", endpoint: server.endpoint, credentials });
  const root = (): AccessKey => ({
    accessKeyId: server.accessKeyId,
    secretAccessKey: server.secretAccessKey,
  });
  /** "yes", "no", or why it went wrong otherwise. */
  async function tried(key: AccessKey, action: (typeof ACTIONS)[number], bucket: string, object: string) {
    const client = at(bucket, key);
    try {
      if (action === "put") await client.put(object, "x");
      else if (action === "get") await client.get(object);
      else if (action === "delete") await client.delete([object]);
      else await client.list(object.slice(0, object.lastIndexOf("/") + 1));
      return "yes";
    } catch (error) {
      const { message } = error as Error;
      return message.includes("access is denied") ? "no" : message;
    }
  }

  beforeAll(async () => {
    server = await startS3([BUCKET, "other"], { iam: true });
    project = await TestProject.create();
    namespace = project.id;
    await project.mustPulumi("config", "set", "--secret", "iamId", server.accessKeyId);
    await project.mustPulumi("config", "set", "--secret", "iamKey", server.secretAccessKey);
    await declare();
    await project.up();
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  it("keep the firmware there; nothing of their keys or the administrator's is in the plain state", async () => {
    const objects = await at(BUCKET, root()).list("");
    expect(objects.length).toBeGreaterThan(1);
    expect(objects.filter((name) => !name.startsWith(PREFIX))).toEqual([]);
    const state = await project.state();
    for (const secret of [
      server.secretAccessKey,
      ...(await Promise.all(STORE_USERS.map(keyOf))).map(({ secretAccessKey }) => secretAccessKey),
    ]) {
      expect(secret.length).toBeGreaterThan(15);
      expect(state).not.toContain(secret);
    }
    expect(await project.preview()).toEqual([]);
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    expect(await project.preview()).toEqual([]);
  });

  it("may do this and nothing else", async () => {
    const may: Record<StoreUserKind, readonly string[]> = { store: ACTIONS, flashing: ["get"] };
    const expected: string[] = [];
    const observed: string[] = [];
    for (const kind of STORE_USERS) {
      const key = await keyOf(kind);
      for (const [bucket, object] of PLACES) {
        for (const action of ACTIONS) {
          await at(bucket, root()).put(object, "x");
          const ours = bucket === BUCKET && object.startsWith(PREFIX);
          const cell = `${kind} ${action} ${bucket}/${object}`;
          expected.push(`${cell}: ${ours && may[kind].includes(action) ? "yes" : "no"}`);
          observed.push(`${cell}: ${await tried(key, action, bucket, object)}`);
        }
      }
    }
    expect(observed).toEqual(expected);
    for (const [bucket, object] of PLACES) await at(bucket, root()).delete([object]);
  });

  it("may make no user, and give themselves no right", async () => {
    for (const kind of STORE_USERS) {
      const place = { url: server.iam, region: "us-east-1", admin: await keyOf(kind) };
      const iam = await IamUsers.open(place);
      const more = JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }],
      });
      const own = { name: storeUserName(kind, namespace), policy: more };
      await expect(iam.apply(own, ["any"]), kind).rejects.toThrow(/failed \(AccessDenied/);
      iam.close();
    }
  });

  it("give a flasher what a flash takes, by a Secret of its own; what builds keep firmware with is not for it", async () => {
    const { stdout } = await project.edgeflock("token", "flasher", "--cluster", namespace, "--kubeconfig");
    const kubeconfig = join(project.folder, "flasher.kubeconfig");
    await project.write("flasher.kubeconfig", stdout);
    const flasher = await connect({ kubeconfig });
    const may = (name: string) =>
      reviewed(flasher, "get", { group: "", resource: "secrets", namespace, name, body: {} });
    expect(await may(`${namespace}-artifact-access`)).toBe(true);
    expect(await may(`${namespace}-artifact-store`)).toBe(false);
    await fetchAs(kubeconfig, "fetched");
  });

  async function fetchAs(kubeconfig: string, folder: string): Promise<void> {
    const script = (await project.output<Record<string, string>>("flashScripts")).node!;
    await project.write("flash.sh", script);
    const out = join(project.folder, folder);
    await mkdir(out);
    const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...environment } = project.environment;
    const ran = await execa("sh", ["flash.sh", "a", "--fetch-only", out], {
      cwd: project.folder,
      env: { ...environment, KUBECONFIG: kubeconfig },
      reject: false,
    });
    expect(ran.exitCode, ran.stderr).toBe(0);
    const files = await readdir(out, { recursive: true });
    const image = files.find((file) => file.endsWith("config.bin"))!;
    const secret = (await project.secret(namespace, "a-device"))!;
    expect((await readFile(join(out, image))).equals(secret["config.bin"]!)).toBe(true);
  }

  it("are what the command for artefacts reads the store with", async () => {
    const { stdout, stderr, exitCode } = await project.edgeflock("artifacts", "ls", "--json");
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ class: "node" }]);
  });

  it("get new keys when the manifest says so, and the old ones end", async () => {
    const before = await Promise.all(STORE_USERS.map(keyOf));
    await declare({ generation: 2 });
    await project.up();
    const after = await Promise.all(STORE_USERS.map(keyOf));
    for (const [index, old] of before.entries()) {
      expect(after[index]!.accessKeyId).not.toBe(old.accessKeyId);
      expect(await tried(old, "get", ...PLACES[0])).toMatch(/does not accept the credentials/);
      expect(await tried(after[index]!, "get", ...PLACES[0])).toBe("yes");
    }
    await fetchAs(project.kubeconfig, "fetched-again");
    expect(await project.preview()).toEqual([]);
  });

  it("whom somebody gave more are seen at a refresh, and put right", async () => {
    const admin = await IamUsers.open({ url: server.iam, region: "us-east-1", admin: root() });
    const name = storeUserName("flashing", namespace);
    const more = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }],
    });
    await admin.apply({ name, policy: more }, [`project-${project.id}/${STACK}/${namespace}`]);
    admin.close();
    expect(await tried(await keyOf("flashing"), "put", "other", "x")).toBe("yes");
    await project.mustPulumi("refresh", "--yes", "--skip-preview");
    const steps = await project.preview();
    expect(JSON.stringify(steps.map(({ oldState }) => oldState))).toContain(`${name}: other rights`);
    await project.up();
    expect(await tried(await keyOf("flashing"), "put", "other", "x")).toBe("no");
    expect(await project.preview()).toEqual([]);
  });

  it("that somebody else has under such a name are left alone; and ours go with the fleet", async () => {
    const admin = await IamUsers.open({ url: server.iam, region: "us-east-1", admin: root() });
    const name = storeUserName("store", namespace);
    await expect(admin.apply({ name, policy: "{}" }, ["p/s/other"])).rejects.toThrow(/belongs to project-/);
    const key = await keyOf("store");
    await project.manifests([cluster(namespace), deviceClass("node"), device("a", "north")]);
    await project.up();
    expect(await tried(key, "get", ...PLACES[0])).toMatch(/does not accept the credentials/);
    admin.close();
  });
});
