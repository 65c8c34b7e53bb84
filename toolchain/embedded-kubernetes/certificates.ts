// The cluster's own authorities, certificates and keys. Writes files under pki/, readable by their owner alone.
import { createPrivateKey, generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writePrivateFile } from "../write-private-file.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY = 86_400_000;
const AUTHORITY_LASTS = 3650 * DAY;
const CERTIFICATE_LASTS = 730 * DAY;
const RENEW_BEFORE = 180 * DAY;

/** A certificate to be issued. */
interface Wanted {
  file: string;
  authority: "kubernetes" | "etcd";
  commonName: string;
  organization?: string;
  server?: string[];
  client?: boolean;
}

const LOOPBACK = ["127.0.0.1", "localhost"];
const SERVICE_NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "10.0.0.1"];

/**
 * etcd has an authority of its own: whoever holds a client certificate of the API server, however few rights it
 * carries there, cannot go round it to the store.
 */
const CERTIFICATES = {
  apiServer: {
    file: "kube-apiserver.pem",
    authority: "kubernetes",
    commonName: "kube-apiserver",
    server: [...LOOPBACK, ...SERVICE_NAMES],
  },
  controllerManagerServer: {
    file: "kube-controller-manager-server.pem",
    authority: "kubernetes",
    commonName: "kube-controller-manager",
    server: LOOPBACK,
  },
  admin: {
    file: "admin.pem",
    authority: "kubernetes",
    commonName: "edgeflock-admin",
    organization: "system:masters",
    client: true,
  },
  controllerManager: {
    file: "kube-controller-manager.pem",
    authority: "kubernetes",
    commonName: "system:kube-controller-manager",
    client: true,
  },
  /** How the API server comes to the kubelet: for logs and exec. */
  kubeletClient: {
    file: "kube-apiserver-kubelet-client.pem",
    authority: "kubernetes",
    commonName: "kube-apiserver-kubelet-client",
    organization: "system:masters",
    client: true,
  },
  kubeletServer: {
    file: "kubelet-server.pem",
    authority: "kubernetes",
    commonName: "kubelet",
    server: LOOPBACK,
  },
  kubelet: {
    file: "kubelet.pem",
    authority: "kubernetes",
    commonName: "system:node:127.0.0.1",
    organization: "system:nodes",
    client: true,
  },
  scheduler: {
    file: "kube-scheduler.pem",
    authority: "kubernetes",
    commonName: "system:kube-scheduler",
    client: true,
  },
  etcdServer: { file: "etcd.pem", authority: "etcd", commonName: "etcd", server: LOOPBACK, client: true },
  etcdClient: { file: "etcd-client.pem", authority: "etcd", commonName: "kube-apiserver", client: true },
} as const satisfies Record<string, Wanted>;

export type CertificateName = keyof typeof CERTIFICATES;

/** Paths; each of the PEM files holds a private key and its certificate, so that the two always match. */
export interface Pki {
  authority: string;
  etcdAuthority: string;
  serviceAccountKey: string;
  certificates: Record<CertificateName, string>;
}

export function pkiPaths(folder: string): Pki {
  const names = Object.keys(CERTIFICATES) as CertificateName[];
  return {
    authority: join(folder, "kubernetes-ca.crt"),
    etcdAuthority: join(folder, "etcd-ca.crt"),
    serviceAccountKey: join(folder, "service-account.key"),
    certificates: Object.fromEntries(
      names.map((name) => [name, join(folder, CERTIFICATES[name].file)]),
    ) as Pki["certificates"],
  };
}

/** Makes what is missing, broken, of another authority, or about to expire; keeps the rest. */
export async function ensureCertificates(folder: string): Promise<Pki> {
  const pki = pkiPaths(folder);
  await ensureAuthority(folder, "kubernetes");
  await ensureAuthority(folder, "etcd");
  for (const wanted of Object.values(CERTIFICATES) as Wanted[]) {
    if (!(await isGood(folder, wanted))) await issue(folder, wanted);
  }
  if (!existsSync(pki.serviceAccountKey)) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await writePrivateFile(pki.serviceAccountKey, privateKey.export({ type: "sec1", format: "pem" }));
  }
  return pki;
}

/** The private key and the certificate of one of the PEM files. */
export function splitPem(pem: string): { key: string; certificate: string } {
  const block = (label: string) =>
    new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----\\n?`).exec(pem)?.[0] ?? "";
  return { key: block("PRIVATE KEY"), certificate: block("CERTIFICATE") };
}

async function ensureAuthority(folder: string, name: Wanted["authority"]): Promise<void> {
  const certificateFile = join(folder, `${name}-ca.crt`);
  const keyFile = join(folder, `${name}-ca.key`);
  if (await isPair(keyFile, certificateFile)) return;
  const x509 = await library();
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=edgeflock-${name}-ca`,
    ...validity(AUTHORITY_LASTS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await writePrivateFile(keyFile, await exportKey(keys.privateKey));
  await writePrivateFile(certificateFile, `${certificate.toString("pem")}\n`);
}

async function issue(folder: string, wanted: Wanted): Promise<void> {
  const x509 = await library();
  const authority = new x509.X509Certificate(
    await readFile(join(folder, `${wanted.authority}-ca.crt`), "utf8"),
  );
  const authorityKey = createPrivateKey(await readFile(join(folder, `${wanted.authority}-ca.key`), "utf8"));
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    authorityKey.export({ type: "pkcs8", format: "der" }),
    ALGORITHM,
    false,
    ["sign"],
  );
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const purposes = [
    ...(wanted.server ? [x509.ExtendedKeyUsage.serverAuth] : []),
    ...(wanted.client ? [x509.ExtendedKeyUsage.clientAuth] : []),
  ];
  const names = (wanted.server ?? []).map(
    (value) => ({ type: isAddress(value) ? "ip" : "dns", value }) as const,
  );
  const organization = wanted.organization ? `,O=${wanted.organization}` : "";
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${wanted.commonName}${organization}`,
    issuer: authority.subject,
    ...validity(CERTIFICATE_LASTS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(purposes),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  const pem = `${await exportKey(keys.privateKey)}${certificate.toString("pem")}\n`;
  await writePrivateFile(join(folder, wanted.file), pem);
}

async function isGood(folder: string, wanted: Wanted): Promise<boolean> {
  try {
    const { key, certificate } = splitPem(await readFile(join(folder, wanted.file), "utf8"));
    const parsed = new X509Certificate(certificate);
    const authority = new X509Certificate(await readFile(join(folder, `${wanted.authority}-ca.crt`)));
    const lasts = parsed.validToDate.getTime() - Date.now() > RENEW_BEFORE;
    const names = (wanted.server ?? []).every((name) => (parsed.subjectAltName ?? "").includes(name));
    return (
      lasts && names && parsed.checkPrivateKey(createPrivateKey(key)) && parsed.verify(authority.publicKey)
    );
  } catch {
    return false;
  }
}

async function isPair(keyFile: string, certificateFile: string): Promise<boolean> {
  try {
    const certificate = new X509Certificate(await readFile(certificateFile));
    const lasts = certificate.validToDate.getTime() - Date.now() > RENEW_BEFORE;
    return lasts && certificate.checkPrivateKey(createPrivateKey(await readFile(keyFile, "utf8")));
  } catch {
    return false;
  }
}

/** Loaded only where something is issued: it is large, and most starts issue nothing. */
async function library() {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** Five minutes in the past, for clocks that are a little off. */
function validity(lasts: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - 300_000), notAfter: new Date(now + lasts) };
}

/** Positive, as X.509 wants it. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name);
}
