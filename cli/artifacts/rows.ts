// Artefacts of a store as rows, for people and programs. Pure.
import type { Judged } from "./judge.ts";

/** One artefact of one user, as `ls --json` prints it. */
export interface ArtifactRow {
  digest: string;
  class: string | null;
  chip: string | null;
  /** Bytes of the uncompressed tar. */
  size: number | null;
  flashSize: string | null;
  version: string | null;
  secretBearing: boolean;
  /** When it was built, RFC 3339. */
  created: string | null;
  /** `<project>/<stack>/<resource>`. */
  usedBy: string | null;
  path: string;
  /** Whether `gc` would remove it, and why or why not. */
  garbage: boolean;
  reason: string;
}

export function rowOf(one: Judged): ArtifactRow {
  const { digest, record, user, place, where, garbage, kept, reference } = one;
  return {
    digest,
    class: place?.class || user?.split("/").at(-1) || null,
    chip: record?.chip ?? null,
    size: record?.size ?? null,
    flashSize: record?.flashSize ?? null,
    version: record?.version ?? null,
    secretBearing: reference.secretBearing === true,
    created: record?.builtAt ?? null,
    usedBy: user ?? null,
    path: where,
    garbage: garbage !== undefined,
    reason: garbage ?? kept ?? "",
  };
}

/** Lines in columns as wide as what is in them. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
