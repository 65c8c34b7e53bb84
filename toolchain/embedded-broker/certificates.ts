// The broker's authority and its certificate for 127.0.0.1 and localhost. Writes files readable by their owner alone.
import { webcrypto, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { writePrivateFile } from "../write-private-file.ts";
import type { BrokerPaths } from "./paths.ts";
import "reflect-metadata";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY = 86_400_000;
const LASTS = 3650 * DAY;
const RENEW_BEFORE = 180 * DAY;

/**
 * The authority's key is used once and kept nowhere: nobody can make another certificate that the devices believe.
 * What is there and good for half a year more stays, so that the devices' configuration stays too.
 */
export async function ensureCertificates(paths: BrokerPaths): Promise<void> {
  if (await areGood(paths)) return;
  const x509 = await import("@peculiar/x509");
  const [authorityKeys, serverKeys] = await Promise.all([keyPair(), keyPair()]);
  const validity = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + LASTS) };
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: "CN=Edgeflock broker CA",
    signingAlgorithm: ALGORITHM,
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const server = await x509.X509CertificateGenerator.create({
    ...validity,
    subject: "CN=127.0.0.1",
    issuer: authority.subject,
    signingAlgorithm: ALGORITHM,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: "ip", value: "127.0.0.1" },
        { type: "dns", value: "localhost" },
      ]),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", serverKeys.privateKey)).toString(
    "base64",
  );
  const pem = key.match(/.{1,64}/g)!.join("\n");
  await writePrivateFile(paths.key, `-----BEGIN PRIVATE KEY-----\n${pem}\n-----END PRIVATE KEY-----\n`);
  await writePrivateFile(paths.certificate, `${server.toString("pem")}\n`);
  await writePrivateFile(paths.ca, `${authority.toString("pem")}\n`);
}

async function areGood({ ca, certificate, key }: BrokerPaths): Promise<boolean> {
  try {
    const [authority, server] = await Promise.all(
      [ca, certificate].map(async (path) => new X509Certificate(await readFile(path))),
    );
    await readFile(key);
    const lasts = [authority!, server!].every(
      ({ validTo }) => Date.parse(validTo) > Date.now() + RENEW_BEFORE,
    );
    return lasts && server!.verify(authority!.publicKey);
  } catch {
    return false;
  }
}

function keyPair() {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}
