// A certificate authority that is nothing but a seed and a name: makes its own certificate, those of clients, and the list
// of revoked ones. Equal input gives equal bytes, so nothing has to be kept. Pure.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { P256Key } from "./p256-key.ts";

/** It ends with the root key that its seed derives from, and no sooner. */
const VALID = { notBefore: new Date("2025-01-01T00:00:00Z"), notAfter: new Date("2075-01-01T00:00:00Z") };
const SIGNING = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface AuthoritySource {
  /** Common name. */
  name: string;
  /** Of its key, base64. */
  seed: string;
}

export interface ClientCertificate {
  /** Common name: the MQTT username. */
  username: string;
  /** Of its key, base64. */
  seed: string;
  /** Hexadecimal. */
  serial: string;
  notBefore: Date;
  notAfter: Date;
}

export class CertificateAuthority {
  readonly #name: x509.Name;
  readonly #key: P256Key;

  constructor({ name, seed }: AuthoritySource) {
    this.#name = commonName(name);
    this.#key = new P256Key(seed);
  }

  /** PEM. */
  async certificate(): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: "01",
        subject: this.#name,
        issuer: this.#name,
        ...VALID,
        publicKey: this.#key.publicKey,
        signingKey: await this.#key.algorithmKey(),
        signingAlgorithm: SIGNING,
        extensions: [
          new x509.BasicConstraintsExtension(true, 0, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
          await x509.SubjectKeyIdentifierExtension.create(this.#publicKey()),
        ],
      },
      this.#key.signer,
    );
    return `${certificate.toString("pem")}\n`;
  }

  /** PEM: certificate and key of a client. */
  async issue(client: ClientCertificate): Promise<{ certificate: string; key: string }> {
    const key = new P256Key(client.seed);
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: client.serial,
        subject: commonName(client.username),
        issuer: this.#name,
        notBefore: client.notBefore,
        notAfter: client.notAfter,
        publicKey: key.publicKey,
        signingKey: await this.#key.algorithmKey(),
        signingAlgorithm: SIGNING,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
          await x509.AuthorityKeyIdentifierExtension.create(this.#publicKey()),
        ],
      },
      this.#key.signer,
    );
    return { certificate: `${certificate.toString("pem")}\n`, key: key.pem };
  }

  /**
   * PEM: the list of revoked certificates. It does not end before the authority does: a broker refuses everybody once
   * its list is too old, and no update may be due for years.
   *
   * @param at of two lists the later counts
   */
  async revocationList(serials: readonly string[], at: Date): Promise<string> {
    const list = await x509.X509CrlGenerator.create(
      {
        issuer: this.#name,
        thisUpdate: at,
        nextUpdate: VALID.notAfter,
        // With a reason: the library writes an empty list of extensions without one, which is no DER.
        entries: serials.map((serialNumber) => ({
          serialNumber,
          revocationDate: at,
          reason: x509.X509CrlReason.cessationOfOperation,
        })),
        signingKey: await this.#key.algorithmKey(),
        signingAlgorithm: SIGNING,
        extensions: [await x509.AuthorityKeyIdentifierExtension.create(this.#publicKey())],
      },
      this.#key.signer,
    );
    // The library's own label, "CRL", is one that OpenSSL does not know.
    return `${x509.PemConverter.encode(list.rawData, "X509 CRL")}\n`;
  }

  #publicKey(): x509.PublicKey {
    return new x509.PublicKey(this.#key.publicKey);
  }
}

/** As a structure: whatever stands in a name, it is no syntax. */
function commonName(name: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: name }] }]);
}
