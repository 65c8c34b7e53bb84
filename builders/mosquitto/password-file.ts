// A line of Mosquitto's password file. Pure but for the thread pool, where the hashing is done.
// Format `$7$`: https://mosquitto.org/man/mosquitto_passwd-1.html, read by src/security_default.c of 2.0.
import { pbkdf2 } from "node:crypto";
import { promisify } from "node:util";

/** Mosquitto 2.0 takes no other length. */
export const SALT_BYTES = 12;
const HASH_BYTES = 64;
/**
 * As mosquitto_passwd of 2.0 has it. The iterations slow down who guesses passwords; ours have 256 random bits and
 * can't be guessed, and the broker pays for each iteration at every connect of every device.
 */
export const ITERATIONS = 101;

const derive = promisify(pbkdf2);

/** Ends with a line feed. The username must be free of ":" and line feeds. */
export async function passwordLine(username: string, password: string, salt: Buffer): Promise<string> {
  const hash = await derive(password, salt, ITERATIONS, HASH_BYTES, "sha512");
  return `${username}:$7$${ITERATIONS}$${salt.toString("base64")}$${hash.toString("base64")}\n`;
}
