// Mosquitto's password and ACL files, read and applied as Mosquitto does. Pure but for the thread pool that hashes.
// What it does not know is an error: a rule that is not understood must not become a right.
import { pbkdf2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { TopicRight } from "../../model/mqtt-access.ts";
import { VisibleError } from "../../model/visible-error.ts";

export interface KnownUser {
  /** As the file has it: a change of it ends the user's connections. */
  password: string;
  rights: TopicRight[];
}

const derive = promisify(pbkdf2);
const PASSWORD = /^\$7\$(\d{1,8})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/;
const TOPIC = /^topic (read|write|readwrite) (\S.*)$/;

/** @throws VisibleError naming the line that is not understood */
export function readAccessFiles(passwordfile: string, aclfile: string): Map<string, KnownUser> {
  const users = new Map<string, KnownUser>();
  for (const [index, line] of lines(passwordfile)) {
    const at = line.indexOf(":");
    const password = line.slice(at + 1);
    if (at < 1 || !PASSWORD.test(password)) throw notUnderstood("password", index);
    users.set(line.slice(0, at), { password, rights: [] });
  }
  let rights: TopicRight[] | undefined;
  for (const [index, line] of lines(aclfile)) {
    if (line.startsWith("user ")) {
      // Rights of somebody without a password are nobody's.
      rights = users.get(line.slice(5))?.rights ?? [];
      continue;
    }
    const [, access, topic] = TOPIC.exec(line) ?? [];
    if (!rights || !access || !topic) throw notUnderstood("ACL", index);
    rights.push({ access: access as TopicRight["access"], topic });
  }
  return users;
}

export async function isPassword(user: KnownUser, password: string | Uint8Array): Promise<boolean> {
  const [, iterations, salt, hash] = PASSWORD.exec(user.password)!;
  const wanted = Buffer.from(hash!, "base64");
  const made = await derive(
    password,
    Buffer.from(salt!, "base64"),
    Number(iterations),
    wanted.length,
    "sha512",
  );
  return timingSafeEqual(made, wanted);
}

export function mayDo(user: KnownUser, want: "read" | "write", topic: string): boolean {
  return user.rights.some((right) => right.access.includes(want) && matches(right.topic, topic));
}

/** MQTT 5.0, 4.7: a filter that begins with a wildcard reaches no topic of the broker's own. */
function matches(filter: string, topic: string): boolean {
  const [levels, parts] = [filter.split("/"), topic.split("/")];
  if (topic.startsWith("$") && ["#", "+"].includes(levels[0]!)) return false;
  for (const [index, level] of levels.entries()) {
    if (level === "#") return true;
    const part = parts[index];
    if (part === undefined || (level !== "+" && level !== part)) return false;
  }
  return levels.length === parts.length;
}

function lines(text: string): [number, string][] {
  return text
    .split("\n")
    .map((line, index): [number, string] => [index + 1, line.trim()])
    .filter(([, line]) => line !== "" && !line.startsWith("#"));
}

function notUnderstood(file: string, line: number): VisibleError {
  return new VisibleError(`Line ${line} of the broker's ${file} file is not understood.`, {
    hint: 'It takes "name:$7$…" as mosquitto_passwd writes it, and "user NAME" followed by "topic read|write|readwrite FILTER".',
  });
}
