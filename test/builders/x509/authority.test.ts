import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../../builders/x509/authority.ts";
import { P256Key, SEED_BYTES } from "../../../builders/x509/p256-key.ts";

const seed = (of: number) => Buffer.alloc(SEED_BYTES, of).toString("base64");
const authority = new CertificateAuthority({ name: "greenhouse devices", seed: seed(1) });
const client = (more: object = {}) => ({
  username: "cam-001.g2",
  seed: seed(2),
  serial: "4a0b",
  notBefore: new Date("2026-01-01T00:00:00Z"),
  notAfter: new Date("2029-01-01T00:00:00Z"),
  ...more,
});
const hasOpenssl = (await execa("openssl", ["version"], { reject: false })).exitCode === 0;

describe("a key from a seed", () => {
  it("is the one of that seed alone, and fits its certificate", async () => {
    expect(new P256Key(seed(2)).pem).toBe(new P256Key(seed(2)).pem);
    expect(new P256Key(seed(2)).pem).not.toBe(new P256Key(seed(3)).pem);
    const { certificate, key } = await authority.issue(client());
    expect(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))).toBe(true);
  });

  it("is a point of the curve for any seed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: SEED_BYTES, maxLength: SEED_BYTES }), (bytes) => {
        const key = new P256Key(Buffer.from(bytes).toString("base64"));
        const derived = createPublicKey(key.pem).export({ type: "spki", format: "der" });
        expect(derived.equals(key.publicKey)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe("an authority", () => {
  it("makes the same bytes again", async () => {
    const again = new CertificateAuthority({ name: "greenhouse devices", seed: seed(1) });
    expect(await again.certificate()).toBe(await authority.certificate());
    expect(await again.issue(client())).toEqual(await authority.issue(client()));
    const at = new Date("2026-11-25T10:00:00Z");
    expect(await again.revocationList(["4a0b"], at)).toBe(await authority.revocationList(["4a0b"], at));
  });

  it("signs certificates for clients and nothing else, which others do not take for theirs", async () => {
    const own = new X509Certificate(await authority.certificate());
    const theirs = new CertificateAuthority({ name: "greenhouse devices", seed: seed(9) });
    const issued = new X509Certificate((await authority.issue(client())).certificate);
    expect(own.ca).toBe(true);
    expect(issued.ca).toBe(false);
    expect(issued.subject).toBe("CN=cam-001.g2");
    expect(issued.issuer).toBe("CN=greenhouse devices");
    expect(issued.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(issued.validToDate).toEqual(new Date("2029-01-01T00:00:00Z"));
    expect(issued.verify(own.publicKey)).toBe(true);
    expect(issued.verify(new X509Certificate(await theirs.certificate()).publicKey)).toBe(false);
  });

  it("fits an NVS string, the longest name too", async () => {
    const { certificate, key } = await authority.issue(client({ username: `${"a".repeat(56)}.g1000000` }));
    expect(certificate.length).toBeLessThan(1000);
    expect(key.length).toBeLessThan(300);
  });

  it("takes a name for a name, whatever stands in it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 60, unit: "grapheme-ascii" }),
        async (username) => {
          const { certificate } = await authority.issue(client({ username }));
          const { subject } = new X509Certificate(certificate).toLegacyObject() as unknown as {
            subject: Record<string, string>;
          };
          expect(subject).toEqual({ CN: username });
        },
      ),
      { numRuns: 50 },
    );
  });

  it.skipIf(!hasOpenssl)("is understood by OpenSSL: chain, revocation, an empty list, an end", async () => {
    const folder = mkdtempSync(join(tmpdir(), "edgeflock-x509-"));
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
    const verify = async (list: string, at: string) => {
      const attime = String(Date.parse(at) / 1000);
      const args = ["verify", "-attime", attime, "-crl_check", "-purpose", "sslclient"];
      const files = ["-CRLfile", join(folder, list), "-CAfile", join(folder, "ca"), join(folder, "client")];
      const { stdout, stderr } = await execa("openssl", [...args, ...files], { reject: false });
      return /error \d+.*?: (.*)/.exec(stdout + stderr)?.[1] ?? stdout.split(": ").at(-1);
    };
    const at = new Date("2026-11-25T10:00:00Z");
    try {
      write("ca", await authority.certificate());
      write("client", (await authority.issue(client())).certificate);
      write("none", await authority.revocationList([], at));
      write("other", await authority.revocationList(["4a0c"], at));
      write("revoked", await authority.revocationList(["4a0c", "4a0b"], at));
      expect(await verify("none", "2027-01-01")).toBe("OK");
      expect(await verify("other", "2027-01-01")).toBe("OK");
      expect(await verify("revoked", "2027-01-01")).toBe("certificate revoked");
      expect(await verify("none", "2029-06-01")).toBe("certificate has expired");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
