// A password's hash as RabbitMQ keeps it: base64 of salt and SHA-256 of salt and password. Pure.
// https://www.rabbitmq.com/docs/passwords#computing-password-hash
import { createHash } from "node:crypto";

export const SALT_BYTES = 4;
export const HASHING_ALGORITHM = "rabbit_password_hashing_sha256";

export function passwordHash(password: string, salt: Buffer): string {
  if (salt.length !== SALT_BYTES) throw new Error(`RabbitMQ's salt has ${SALT_BYTES} bytes`);
  const hash = createHash("sha256").update(salt).update(password, "utf8").digest();
  return Buffer.concat([salt, hash]).toString("base64");
}
