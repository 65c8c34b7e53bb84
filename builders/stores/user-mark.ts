// Who uses an artefact, as stores outside of the cluster note it: one JSON document each. Pure.
import { createHash } from "node:crypto";
import type { BuildRecord } from "../build-record.ts";
import type { UserPlace } from "../contract.ts";

export interface StoreUser {
  /** `<project>/<stack>/<resource>`. */
  user: string;
  place?: UserPlace;
}

/** What is kept beside an artefact for each of its users. */
export interface UserMark extends StoreUser {
  /** RFC 3339. */
  putAt?: string;
  record?: BuildRecord;
}

/** 16 hexadecimal digits that stand for a user in names. */
export function userKey(user: string): string {
  return createHash("sha256").update(user).digest("hex").slice(0, 16);
}

export function markText({ user, place }: StoreUser, record: BuildRecord | undefined): string {
  const mark: UserMark = {
    user,
    ...(place && { place }),
    putAt: new Date().toISOString(),
    ...(record && { record }),
  };
  return `${JSON.stringify(mark, null, 2)}\n`;
}

/** A mark, whoever wrote it: in earlier versions it was the user's name and nothing else. */
export function parseMark(text: string): UserMark {
  try {
    const mark = JSON.parse(text) as UserMark;
    if (typeof mark?.user === "string") return mark;
  } catch {
    // a plain name
  }
  return { user: text.trim() };
}
