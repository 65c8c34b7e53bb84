// A password's hash as RabbitMQ keeps it: base64 of salt and digest of salt and password. Pure.
// https://www.rabbitmq.com/docs/passwords#computing-password-hash
import { createHash } from "node:crypto";

export const SALT_BYTES = 4;

/** RabbitMQ's names of how a password is hashed, by the digest. */
export const HASHING = {
  sha256: "rabbit_password_hashing_sha256",
  sha512: "rabbit_password_hashing_sha512",
} as const;

export function passwordHash(
  password: string,
  salt: Buffer,
  hashing: (typeof HASHING)[keyof typeof HASHING] = HASHING.sha256,
): string {
  if (salt.length !== SALT_BYTES) throw new Error(`RabbitMQ's salt has ${SALT_BYTES} bytes`);
  const digest = hashing === HASHING.sha256 ? "sha256" : "sha512";
  const hash = createHash(digest).update(salt).update(password, "utf8").digest();
  return Buffer.concat([salt, hash]).toString("base64");
}
