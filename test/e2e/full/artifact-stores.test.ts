// The stores outside of the cluster against real servers.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../../builders/artifact-archive.ts";
import { artifactIdentity } from "../../../builders/artifact-cipher.ts";
import { OciStore } from "../../../builders/stores/oci.ts";
import { OciClient } from "../../../builders/stores/oci-client.ts";
import { S3Store } from "../../../builders/stores/s3.ts";
import { renderFlashScript } from "../../../flash/flash-script.ts";
import { fetchOutside } from "../../../flash/station/fetch-outside.ts";
import type { KubernetesApi } from "../../../kubernetes/api.ts";
import { keepsToTheRules, type StoreOptions, sample } from "../../builders/stores/store-rules.ts";
import { freePort, type Registry, type S3Server, startRegistry, startS3 } from "./support/servers.ts";

describe("the store in S3", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3(["firmware"]);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  const open = (options: StoreOptions & { access?: string }, credentials = {}) =>
    new S3Store({
      bucket: {
        bucket: "firmware",
        region: "us-east-1",
        endpoint: server.endpoint,
        credentials: {
          accessKeyId: server.accessKeyId,
          secretAccessKey: server.secretAccessKey,
          ...credentials,
        },
      },
      prefix: "greenhouse/",
      ...options,
    });
  const fileOf = (reference: { store: object }) =>
    join(server.folder, "firmware", (reference.store as { key: string }).key);

  keepsToTheRules({
    open,
    raw: (reference) => readFile(fileOf(reference)),
    damage: (reference) => writeFile(fileOf(reference), "damaged"),
  });

  it("is read by a station with what the Secret for flashing has, decrypted too", async () => {
    const { archive, artifact } = sample({ secretBearing: true });
    const identity = artifactIdentity("fleet");
    const reference = await open({ user: "a", identity, access: "site-artifact-access" }).put(
      artifact,
      archive,
    );
    const withSecret = (data: Record<string, string>) =>
      ({
        getOrUndefined: ({ metadata }: { metadata: { name: string } }) =>
          Promise.resolve(
            metadata.name === "site-artifact-access" && {
              data: Object.fromEntries(
                Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
              ),
            },
          ),
      }) as unknown as KubernetesApi;
    const keys = { "access-key-id": server.accessKeyId, "secret-access-key": server.secretAccessKey };
    const found = await fetchOutside(withSecret({ ...keys, "age-identity": identity }), "site", reference);
    expect(digestOf(found!)).toBe(artifact.digest);
    await expect(fetchOutside(withSecret(keys), "site", reference)).rejects.toThrow("has no key for it");
    const wrong = { ...keys, "secret-access-key": "wrong", "age-identity": identity };
    await expect(fetchOutside(withSecret(wrong), "site", reference)).rejects.toThrow("does not accept");
    await open({ user: "a" }).delete(reference);
  });

  it("says what is wrong: bucket, credentials, server", async () => {
    const { archive, artifact } = sample();
    await expect(open({ user: "a" }, { secretAccessKey: "wrong" }).put(artifact, archive)).rejects.toThrow(
      /does not accept the credentials \(SignatureDoesNotMatch\)/,
    );
    const bucket = {
      region: "us-east-1",
      endpoint: server.endpoint,
      credentials: { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey },
    };
    const other = (changes: object) =>
      new S3Store({ bucket: { bucket: "firmware", ...bucket, ...changes }, prefix: "", user: "a" });
    await expect(other({ bucket: "nowhere" }).list()).rejects.toThrow("there is no such bucket");
    await expect(other({ endpoint: `http://127.0.0.1:${await freePort()}` }).list()).rejects.toThrow(
      "cannot be reached",
    );
  });
});

describe("the store in an OCI registry", () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());
  const at = (changes: object = {}) => ({
    repository: `${registry.host}/greenhouse/firmware`,
    plainHttp: true,
    credentials: { username: registry.username, password: registry.password },
    ...changes,
  });
  const open = (options: StoreOptions) => new OciStore({ registry: at(), ...options });
  const blobOf = (reference: { store: object }) => (reference.store as { blob: string }).blob;
  const fileOf = (blob: string) =>
    join(registry.folder, "docker/registry/v2/blobs/sha256", blob.slice(7, 9), blob.slice(7), "data");

  keepsToTheRules({
    open,
    raw: (reference) => readFile(fileOf(blobOf(reference))),
    damage: (reference) => writeFile(fileOf(blobOf(reference)), "damaged"),
    mends: false,
  });

  it("is an OCI artefact that any client can read", async () => {
    const { archive, artifact, record } = sample();
    const reference = await open({ user: "a" }).put(artifact, archive, record);
    const { tag } = reference.store as { tag: string };
    const found = await new OciClient(at()).pullManifest(tag);
    expect(found?.manifest).toMatchObject({
      schemaVersion: 2,
      artifactType: "application/vnd.edgeflock.firmware.v1",
      config: { mediaType: "application/vnd.oci.empty.v1+json" },
      annotations: { "io.edgeflock.digest": artifact.digest, "io.edgeflock.chip": "esp32" },
    });
    await open({ user: "a" }).delete(reference);
  });

  it("says what is wrong: credentials, registry", async () => {
    const { archive, artifact } = sample();
    const put = (changes: object) =>
      new OciStore({ registry: at(changes), user: "a" }).put(artifact, archive);
    await expect(put({ credentials: { username: "fleet", password: "wrong" } })).rejects.toThrow(
      /answers 401/,
    );
    await expect(put({ credentials: undefined })).rejects.toThrow("wants a user name and a password");
    await expect(put({ repository: `127.0.0.1:${await freePort()}/firmware` })).rejects.toThrow(
      "cannot be reached (ECONNREFUSED)",
    );
  });

  it("logs in where the registry wants tokens, from Node and from the flash script's shell", async () => {
    await using strict = await startRegistry({ tokens: true });
    const registry = {
      repository: `${strict.host}/site/firmware`,
      plainHttp: true,
      credentials: { username: strict.username, password: strict.password },
    };
    const { archive, artifact } = sample();
    const store = new OciStore({ registry, user: "a" });
    const reference = await store.put(artifact, archive);
    expect(await store.read(reference)).toBeDefined();
    const wrong = { ...registry, credentials: { username: "fleet", password: "wrong" } };
    await expect(new OciStore({ registry: wrong, user: "a" }).read(reference)).rejects.toThrow(/answers 401/);
    const text = renderFlashScript({
      className: "node",
      clusterName: "site",
      namespace: "site",
      chip: "esp32",
      artifact: reference,
    });
    const folder = await mkdtemp(join(tmpdir(), "edgeflock-test-"));
    try {
      // the script without its last lines: only its functions, of which one is called
      const functions = text.slice(0, text.lastIndexOf("\nset -u\n"));
      const call = `${functions}\nset -u\nwork=$1 started=0 temp=$1\nfetch_from_oci\n`;
      const run = (password: string) =>
        execa("sh", ["-c", call, "sh", folder], {
          env: { EDGEFLOCK_REGISTRY_USERNAME: strict.username, EDGEFLOCK_REGISTRY_PASSWORD: password },
          reject: false,
        });
      const refused = await run("wrong");
      expect(refused.stderr).toContain("does not accept the login");
      expect(refused.exitCode).toBe(5);
      expect((await run(strict.password)).exitCode).toBe(0);
      const fetched = await readFile(join(folder, "fetched"));
      expect(digestOf(gunzipSync(fetched))).toBe(artifact.digest);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("goes on where the registry lets nobody delete, and says so", async () => {
    await using strict = await startRegistry({ deletes: false });
    const lines: string[] = [];
    const store = new OciStore({
      registry: {
        repository: `${strict.host}/firmware`,
        plainHttp: true,
        credentials: { username: strict.username, password: strict.password },
      },
      user: "a",
      warn: (line) => lines.push(line),
    });
    const { archive, artifact } = sample();
    await store.delete(await store.put(artifact, archive));
    expect(lines.join()).toContain("lets nobody delete");
  });
});
