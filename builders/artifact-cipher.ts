// Firmware that was built with a secret, encrypted wherever it is kept outside of the cluster: the age format, with a
// key that is derived from the fleet's root key. Pure. https://age-encryption.org/v1
import { hkdfSync } from "node:crypto";
import { bech32 } from "@scure/base";

/** An age identity, `AGE-SECRET-KEY-1…`: decrypts what the stack's builds encrypted. A secret. */
export type ArtifactIdentity = string;

/**
 * The same identity again for the same key.
 * @param secretKey the fleet's key of its firmware's secrets; what is derived here does not lead back to it
 */
export function artifactIdentity(secretKey: Uint8Array | string): ArtifactIdentity {
  const scalar = hkdfSync("sha256", secretKey, Buffer.alloc(0), "edgeflock.io/v1 firmware at rest", 32);
  return bech32.encodeFromBytes("AGE-SECRET-KEY-", new Uint8Array(scalar)).toUpperCase();
}

export async function encryptArtifact(bytes: Uint8Array, identity: ArtifactIdentity): Promise<Uint8Array> {
  const { Encrypter, identityToRecipient } = await import("age-encryption");
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  return await encrypter.encrypt(bytes);
}

/** @returns undefined where it is damaged, or encrypted for somebody else */
export async function decryptArtifact(
  bytes: Uint8Array,
  identity: ArtifactIdentity,
): Promise<Uint8Array | undefined> {
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return await decrypter.decrypt(bytes).catch(() => undefined);
}
