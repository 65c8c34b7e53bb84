// Real servers for tests, built once from the Go module proxy into the cache: an S3 server and an OCI registry. Each
// listens on a free port of the loopback and is stopped by its process id.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import "reflect-metadata";
import { X509CertificateGenerator } from "@peculiar/x509";
import bcrypt from "bcryptjs";
import { execa } from "execa";
import { cacheFolder } from "../../../../toolchain/cache-folder.ts";
import { findGo } from "../../../../toolchain/go.ts";
import { stderrProgress } from "../../../../toolchain/progress.ts";
import { CHECKOUT } from "../../test-project.ts";

/** https://github.com/versity/versitygw */
const VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
/** https://github.com/distribution/distribution */
const REGISTRY = "github.com/distribution/distribution/v3/cmd/registry@v3.1.2";
/** https://github.com/FiloSottile/age */
const AGE = "filippo.io/age/cmd/age@v1.2.1";

export interface S3Server extends AsyncDisposable {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** A bucket is a folder in it. */
  folder: string;
  /** URL of the API that AWS has for users, where it has one. */
  iam?: string;
}

/** With buckets, and with an API for users if `iam` says so. */
export async function startS3(buckets: string[], options: { iam?: boolean } = {}): Promise<S3Server> {
  const program = await goProgram(VERSITYGW);
  const root = await temporaryFolder("s3-");
  const folder = join(root, "buckets");
  for (const bucket of buckets) await mkdir(join(folder, bucket), { recursive: true });
  const port = await freePort();
  const [accessKeyId, secretAccessKey] = ["fleet", randomBytes(16).toString("hex")];
  const env = { ...process.env, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey };
  const users = options.iam ? await startIam(program, root, env) : undefined;
  const server = spawn(
    program,
    ["--port", `127.0.0.1:${port}`, "--region", "us-east-1", ...(users?.options ?? []), "posix", folder],
    { env, stdio: "ignore" },
  );
  const endpoint = `http://127.0.0.1:${port}`;
  await answering(server, endpoint);
  const { [Symbol.asyncDispose]: end } = ending(server, root);
  return {
    ...{ endpoint, accessKeyId, secretAccessKey, folder, ...(users && { iam: users.url }) },
    async [Symbol.asyncDispose]() {
      await users?.[Symbol.asyncDispose]();
      await end();
    },
  };
}

/** A process of its own, which the S3 server asks over a socket. */
async function startIam(program: string, root: string, env: NodeJS.ProcessEnv) {
  const [folder, socket, port] = [join(root, "iam"), join(root, "iam.socket"), await freePort()];
  await mkdir(folder);
  const server = spawn(
    program,
    [
      "--port",
      `127.0.0.1:${port}`,
      "--region",
      "us-east-1",
      "iam",
      "--dir",
      folder,
      "--private-ports",
      socket,
    ],
    { env, stdio: "ignore" },
  );
  const url = `http://127.0.0.1:${port}`;
  await answering(server, url);
  const gateway = ["--iam-standalone-endpoint", socket, "--iam-cache-disable"];
  return { url, options: gateway, ...ending(server, folder) };
}

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  host: string;
  username: string;
  password: string;
  /** Where it keeps its data. */
  folder: string;
}

/** @param options.tokens whether it wants tokens of a server of its own (Bearer) instead of the password (Basic) */
export async function startRegistry(
  options: { deletes?: boolean; tokens?: boolean } = {},
): Promise<Registry> {
  const program = await goProgram(REGISTRY);
  const root = await temporaryFolder("registry-");
  const port = await freePort();
  const [username, password] = ["fleet", randomBytes(16).toString("hex")];
  const issuer = options.tokens ? await startTokenServer(username, password) : undefined;
  if (issuer) await writeFile(join(root, "issuer.pem"), issuer.certificate);
  const token = issuer && {
    token: {
      realm: issuer.realm,
      service: "registry",
      issuer: "issuer",
      rootcertbundle: join(root, "issuer.pem"),
    },
  };
  await writeFile(join(root, "htpasswd"), `${username}:${bcrypt.hashSync(password, 4)}\n`);
  const config = {
    version: 0.1,
    log: { level: "error" },
    storage: {
      filesystem: { rootdirectory: join(root, "data") },
      delete: { enabled: options.deletes ?? true },
    },
    auth: token ?? { htpasswd: { realm: "fleet", path: join(root, "htpasswd") } },
    http: { addr: `127.0.0.1:${port}` },
  };
  await writeFile(join(root, "config.yml"), JSON.stringify(config));
  const server = spawn(program, ["serve", join(root, "config.yml")], { stdio: "ignore" });
  const host = `127.0.0.1:${port}`;
  await answering(server, `http://${host}/v2/`);
  const { [Symbol.asyncDispose]: end } = ending(server, root);
  return {
    ...{ host, username, password, folder: join(root, "data") },
    async [Symbol.asyncDispose]() {
      issuer?.server.close();
      await end();
    },
  };
}

/** The command `age`: on PATH, else built. */
export async function ageProgram(): Promise<string> {
  const { exitCode } = await execa("age", ["--version"], { reject: false });
  return exitCode === 0 ? "age" : await goProgram(AGE);
}

/** Gives tokens to whoever has the password. https://distribution.github.io/distribution/spec/auth/token/ */
async function startTokenServer(username: string, password: string) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: "CN=issuer",
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    signingAlgorithm: algorithm,
    keys,
  });
  const x5c = [Buffer.from(certificate.rawData).toString("base64")];
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const tokenFor = async (scope: string): Promise<string> => {
    const [type, name, actions = ""] = scope.split(":");
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: "issuer",
      sub: username,
      aud: "registry",
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: "1",
    };
    const access = [{ type, name, actions: actions.split(",") }];
    const text = `${part({ typ: "JWT", alg: "ES256", x5c })}.${part({ ...claims, access })}`;
    const signature = await crypto.subtle.sign(algorithm, keys.privateKey, Buffer.from(text));
    return `${text}.${Buffer.from(signature).toString("base64url")}`;
  };
  const basic = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const server = createHttpServer((request, response) => {
    const url = new URL(request.url!, "http://issuer");
    if (request.headers.authorization !== basic || url.searchParams.get("service") !== "registry") {
      response.writeHead(401).end("{}");
      return;
    }
    void tokenFor(url.searchParams.get("scope")!).then((token) =>
      response.end(JSON.stringify({ token, access_token: token, expires_in: 300 })),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { server, realm: `http://127.0.0.1:${port}/token`, certificate: certificate.toString("pem") };
}

async function goProgram(module: string): Promise<string> {
  const bin = join(cacheFolder(), "test-tools", module.replaceAll("/", "-"));
  const program = join(bin, module.replace(/@.*$/, "").split("/").at(-1)!);
  if (!existsSync(program)) {
    const go = await findGo({ progress: stderrProgress() });
    await execa(go.command, ["install", "-ldflags=-s -w", module], {
      env: { GOBIN: bin, GOTOOLCHAIN: "auto" },
    });
  }
  return program;
}

async function temporaryFolder(prefix: string): Promise<string> {
  await mkdir(join(CHECKOUT, ".edgeflock"), { recursive: true });
  return await mkdtemp(join(CHECKOUT, ".edgeflock", prefix));
}

function ending(server: ChildProcess, folder: string): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      if (server.exitCode === null && server.kill("SIGTERM")) await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function answering(server: ChildProcess, url: string): Promise<void> {
  for (let tries = 0; tries < 600 && server.exitCode === null; tries++) {
    if (await fetch(url, { redirect: "manual" }).catch(() => undefined)) return;
    await sleep(100);
  }
  server.kill("SIGTERM");
  throw new Error(`nothing answers at ${url}`);
}
