import { createPrivateKey, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ensureCertificates, splitPem } from "../../../toolchain/embedded-kubernetes/certificates.ts";
import { temporaryFolder } from "../temporary-folder.ts";

function certificateIn(file: string): X509Certificate {
  return new X509Certificate(splitPem(readFileSync(file, "utf8")).certificate);
}

describe("the cluster's certificates", () => {
  it("are issued by its own two authorities, for loopback and for years", async () => {
    const pki = await ensureCertificates(temporaryFolder());
    const kubernetes = new X509Certificate(readFileSync(pki.authority));
    const etcd = new X509Certificate(readFileSync(pki.etcdAuthority));
    const { certificates } = pki;
    for (const [name, file] of Object.entries(certificates)) {
      const certificate = certificateIn(file);
      const [own, other] = name.startsWith("etcd") ? [etcd, kubernetes] : [kubernetes, etcd];
      expect(certificate.verify(own.publicKey), name).toBe(true);
      expect(certificate.verify(other.publicKey), name).toBe(false);
      expect(certificate.checkPrivateKey(createPrivateKey(splitPem(readFileSync(file, "utf8")).key))).toBe(
        true,
      );
      expect(certificate.ca).toBe(false);
      expect(certificate.validToDate.getTime()).toBeGreaterThan(Date.now() + 300 * 86_400_000);
    }
    expect(certificateIn(certificates.apiServer).checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(certificateIn(certificates.apiServer).checkHost("kubernetes.default.svc")).toBeDefined();
    expect(certificateIn(certificates.admin).subject).toContain("O=system:masters");
    expect(certificateIn(certificates.admin).checkIP("127.0.0.1")).toBeUndefined();
  });

  it("can be read by their owner alone", async () => {
    const folder = temporaryFolder();
    await ensureCertificates(folder);
    for (const file of readdirSync(folder))
      expect(statSync(join(folder, file)).mode & 0o777, file).toBe(0o600);
  });

  it("stay as they are while they are good", async () => {
    const folder = temporaryFolder();
    await ensureCertificates(folder);
    const all = () => readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
    const before = all();
    await ensureCertificates(folder);
    expect(all()).toEqual(before);
  });

  it("are made again where one is damaged, and all of them where the authority is gone", async () => {
    const folder = temporaryFolder();
    const pki = await ensureCertificates(folder);
    const admin = readFileSync(pki.certificates.admin, "utf8");
    const serviceAccounts = readFileSync(pki.serviceAccountKey, "utf8");
    writeFileSync(pki.certificates.apiServer, "half of it");
    await ensureCertificates(folder);
    expect(certificateIn(pki.certificates.apiServer).subject).toContain("kube-apiserver");
    expect(readFileSync(pki.certificates.admin, "utf8")).toBe(admin);
    rmSync(pki.authority);
    await ensureCertificates(folder);
    const authority = new X509Certificate(readFileSync(pki.authority));
    expect(readFileSync(pki.certificates.admin, "utf8")).not.toBe(admin);
    expect(certificateIn(pki.certificates.admin).verify(authority.publicKey)).toBe(true);
    expect(readFileSync(pki.serviceAccountKey, "utf8")).toBe(serviceAccounts);
  });
});
