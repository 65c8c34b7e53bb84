// Text → YAML documents with the position of everything in them. Built on js-yaml's event stream, which is fast and
// carries offsets. Pure; touches nothing.
import { type Event, YAMLException } from "js-yaml";
import { Composer, type Part, parseYaml, type YamlDocument } from "./compose-yaml.ts";
import type { Problem } from "./problem.ts";

/** Longest file that is read: some 100,000 devices. */
const MAX_LENGTH = 32 * 1024 * 1024;

/** Reads all documents of a file and says what is wrong with its YAML. Never throws. */
export function readYaml(file: string, source: string): { documents: YamlDocument[]; problems: Problem[] } {
  const text = source.startsWith("\ufeff") ? source.slice(1) : source;
  const problems: Problem[] = [];
  if (text.length > MAX_LENGTH) {
    const message = "is too long for one file; cut it into several of at most 32 MiB";
    return { documents: [], problems: [{ file, line: 1, column: 1, path: "", message }] };
  }
  const parts = parseParts(file, text, problems);
  const documents = parts.flatMap((part) => new Composer(file, part, problems).documents());
  return { documents, problems };
}

/** Parses a text; where that fails, each document on its own, so that one broken document hides no other. */
function parseParts(file: string, text: string, problems: Problem[]): Part[] {
  const whole = tryParse(text);
  if (Array.isArray(whole)) return [{ text, events: whole, linesBefore: 0 }];
  const parts: Part[] = [];
  const before = problems.length;
  let linesBefore = 0;
  // three dashes in column 1 always begin a document, even inside quotes and block scalars
  for (const piece of text.split(/^(?=---(?:[ \t\r\n]|$))/m)) {
    const events = tryParse(piece);
    if (Array.isArray(events)) parts.push({ text: piece, events, linesBefore });
    else problems.push(syntaxProblem(file, events, linesBefore));
    linesBefore += piece.split(/\r\n|\n|\r/).length - 1;
  }
  if (problems.length === before) problems.push(syntaxProblem(file, whole, 0));
  return parts;
}

function tryParse(text: string): Event[] | YAMLException {
  try {
    return parseYaml(text);
  } catch (error) {
    if (error instanceof YAMLException) return error;
    throw error;
  }
}

function syntaxProblem(file: string, error: YAMLException, linesBefore: number): Problem {
  const line = linesBefore + (error.mark?.line ?? 0) + 1;
  return {
    file,
    line,
    column: (error.mark?.column ?? 0) + 1,
    path: "",
    message: `is not valid YAML: ${error.reason}`,
  };
}
