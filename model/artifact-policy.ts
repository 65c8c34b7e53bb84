// The users that a fleet has in an object store of its own: one that builds keep artefacts with, one that whoever flashes
// reads them with; and what each may do there, as AWS's policies say it. Pure; touches nothing.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
import { createHash } from "node:crypto";

export const STORE_USERS = ["store", "flashing"] as const;
export type StoreUserKind = (typeof STORE_USERS)[number];

/** IAM's limit of a user's name. */
const NAME_MAX = 64;

/** One for each fleet, whatever else is in the account. */
export function storeUserName(kind: StoreUserKind, namespace: string): string {
  const name = `edgeflock-${namespace}-${kind}`;
  if (name.length <= NAME_MAX) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 12);
  return `${name.slice(0, NAME_MAX - digest.length - 1)}-${digest}`;
}

interface Place {
  bucket: string;
  /** Of every object's name: empty, or with "/" at its end. */
  prefix: string;
}

/** A policy as JSON, the same text for the same place. */
export function storeUserPolicy(kind: StoreUserKind, { bucket, prefix }: Place): string {
  const objects = `arn:aws:s3:::${bucket}/${prefix}*`;
  const allow = (Action: string[], Resource: string, more: object = {}) => ({
    Effect: "Allow",
    Action,
    Resource,
    ...more,
  });
  const below = prefix === "" ? {} : { Condition: { StringLike: { "s3:prefix": `${prefix}*` } } };
  const statements = {
    flashing: [allow(["s3:GetObject"], objects)],
    store: [
      allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects),
      allow(["s3:ListBucket"], `arn:aws:s3:::${bucket}`, below),
    ],
  };
  return JSON.stringify({ Version: "2012-10-17", Statement: statements[kind] });
}
