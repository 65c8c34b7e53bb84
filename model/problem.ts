// Problems of a user's manifests, with the place they stand at. Pure; touches nothing.
import { VisibleError } from "./visible-error.ts";

/** A place in a text: both count from 1; columns in UTF-16 units, as editors do. An object of a cluster has neither. */
export interface Position {
  line?: number;
  column?: number;
}

/** One thing that is wrong in a manifest. */
export interface Problem extends Position {
  /** A file, or an object of a cluster: `Device greenhouse/cam-001`. */
  file: string;
  /** Dotted path inside the document, such as `spec.selector.matchLabels`; empty for the document itself. */
  path: string;
  message: string;
  /** What was probably meant. */
  suggestion?: string;
}

/** More problems than this are counted, not printed: a wrong namespace in 10,000 devices should not scroll for ever. */
const PRINTED = 100;

/** `stacks/demo/devices.yaml:12:7 spec.settigns: unknown field; did you mean "settings"?` */
export function formatProblem(problem: Problem): string {
  const path = problem.path === "" ? "" : ` ${problem.path}:`;
  const suggestion = problem.suggestion === undefined ? "" : `; did you mean "${problem.suggestion}"?`;
  return `${placeText(problem)}${path} ${problem.message}${suggestion}`;
}

/** `stacks/demo/devices.yaml:12:7`; without what is not known. */
export function placeText({ file, line, column }: Position & { file: string }): string {
  return [file, line, column].filter((part) => part !== undefined).join(":");
}

/** Everything that is wrong with a set of manifests, in one error. */
export class ProblemsError extends VisibleError {
  readonly problems: Problem[];

  constructor(problems: Problem[]) {
    const lines = problems.slice(0, PRINTED).map(formatProblem);
    if (problems.length > PRINTED) lines.push(`… and ${problems.length - PRINTED} more`);
    lines.push(problems.length === 1 ? "1 problem" : `${problems.length} problems`);
    super(lines.join("\n"));
    this.name = "ProblemsError";
    this.problems = problems;
  }
}

/** Sorted by place, each said once. */
export function tidyProblems(problems: Problem[]): Problem[] {
  const seen = new Map<string, Problem>();
  for (const problem of problems) seen.set(formatProblem(problem), problem);
  return [...seen.values()].sort(
    (a, b) =>
      compareText(a.file, b.file) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0) ||
      compareText(a.path, b.path),
  );
}

/** Somebody else's text for a message: quoted, cut, and without anything that could steer a terminal. */
export function quote(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 79)}…` : text;
  return JSON.stringify(cut).replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
}

/** `spec.mapping[0].key`; segments that are no plain words are quoted. */
export function formatPath(segments: readonly PropertyKey[]): string {
  return segments
    .map((segment, index) => {
      if (typeof segment === "number") return `[${segment}]`;
      const text = String(segment);
      if (!/^[\w./-]{1,320}$/.test(text)) return `[${quote(text)}]`;
      return index === 0 ? text : `.${text}`;
    })
    .join("");
}

/** Order by code unit, the same on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
