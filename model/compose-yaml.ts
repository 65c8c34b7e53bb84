// The YAML parser's events → values, with what manifests don't use refused where it stands: anchors, aliases, merge keys,
// tags, directives, duplicate keys, words that mean different things to different readers. Pure; touches nothing.
import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE } from "js-yaml";
import { formatPath, type Position, type Problem, quote } from "./problem.ts";
import { findNode, nodeStart } from "./yaml-position.ts";
import { readPlainScalar } from "./yaml-scalar.ts";

/** One document of a file, or an object of a cluster. */
export interface YamlDocument {
  /** Also an object's kind and name: `Device greenhouse/cam-001`. */
  file: string;
  /** Line of its first field, from 1. */
  line?: number;
  value: unknown;
  /** Position of the field at a path, or of the nearest one above it that is there. */
  locate(path: readonly PropertyKey[], part: "key" | "value"): Position;
}

/** Text that was parsed as a whole, and the number of lines that stand before it in the file. */
export interface Part {
  text: string;
  events: Event[];
  linesBefore: number;
}

const MAX_DEPTH = 40;

/** @throws YAMLException */
export function parseYaml(text: string): Event[] {
  return parseEvents(text, { maxDepth: MAX_DEPTH });
}

/** Where in a manifest a value stands; fractions are kept as text only under spec.settings and spec.data. */
type Place = "document" | "spec" | "settings" | "else";

/** Composes the documents of one part of a file. */
export class Composer {
  readonly #file: string;
  readonly #part: Part;
  readonly #problems: Problem[];
  #events: Event[];
  #next = 0;
  #lineStarts: number[] | undefined;
  #path: (string | number)[] = [];

  constructor(file: string, part: Part, problems: Problem[]) {
    this.#file = file;
    this.#part = part;
    this.#events = part.events;
    this.#problems = problems;
  }

  /** Composes all documents. It lets go of the events, some 20 times the text; `locate` parses again. */
  documents(): YamlDocument[] {
    const documents: YamlDocument[] = [];
    const { text } = this.#part;
    const events = this.#events;
    while (this.#next < events.length) {
      const opening = events[this.#next++]!;
      if (opening.type !== EVENT_ID.DOCUMENT)
        throw new Error("the YAML parser's events don't begin with a document");
      const first = this.#next;
      const content = events[first]!;
      if (opening.directives.length > 0) {
        this.#refuse(
          Math.max(0, nodeStart(text, content)),
          "YAML directives (%) are not used in manifests; delete the line",
        );
      }
      const value = this.#node("document");
      while (events[this.#next]?.type === EVENT_ID.POP) this.#next++;
      const isEmpty = content.type === EVENT_ID.SCALAR && content.valueStart < 0;
      if (isEmpty) continue;
      documents.push({
        file: this.#file,
        line: this.#position(nodeStart(text, content)).line,
        value,
        locate: (path, part) => this.#locate(first, path, part),
      });
    }
    this.#events = [];
    this.#part.events = [];
    return documents;
  }

  #node(place: Place): unknown {
    const event = this.#events[this.#next++]!;
    switch (event.type) {
      case EVENT_ID.SCALAR:
        this.#checkProperties(event);
        return this.#scalar(event, place);
      case EVENT_ID.MAPPING:
        this.#checkProperties(event);
        return this.#mapping(place);
      case EVENT_ID.SEQUENCE:
        this.#checkProperties(event);
        return this.#sequence();
      case EVENT_ID.ALIAS:
        this.#refuse(event.anchorStart - 1, "aliases (*) are not used in manifests; write the value out");
        return null;
      default:
        throw new Error("the YAML parser's events don't nest");
    }
  }

  #checkProperties(event: { anchorStart: number; tagStart: number }): void {
    if (event.anchorStart >= 0) {
      this.#refuse(
        event.anchorStart - 1,
        "anchors (&) are not used in manifests; what devices share belongs in a DeviceGroup",
      );
    }
    if (event.tagStart >= 0) {
      this.#refuse(event.tagStart, "tags (!) are not used in manifests; quote a value that is text");
    }
  }

  #sequence(): unknown[] {
    const list: unknown[] = [];
    while (this.#events[this.#next]!.type !== EVENT_ID.POP) {
      this.#path.push(list.length);
      list.push(this.#node("else"));
      this.#path.pop();
    }
    this.#next++;
    return list;
  }

  #mapping(place: Place): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    while (this.#events[this.#next]!.type !== EVENT_ID.POP) {
      const start = nodeStart(this.#part.text, this.#events[this.#next]!);
      const key = this.#key();
      this.#path.push(key ?? "?");
      const value = this.#node(placeBelow(place, key));
      if (key !== undefined) {
        if (Object.hasOwn(map, key)) this.#refuse(start, "is there twice");
        else map[key] = value;
      }
      this.#path.pop();
    }
    this.#next++;
    return map;
  }

  /** The key at hand, or undefined where it was refused. */
  #key(): string | undefined {
    const event = this.#events[this.#next]!;
    const start = Math.max(0, nodeStart(this.#part.text, event));
    if (event.type !== EVENT_ID.SCALAR) {
      this.#refuse(start, "a key must be text, not a list, a map or an alias");
      this.#node("else");
      return undefined;
    }
    this.#next++;
    this.#checkProperties(event);
    const key = getScalarValue(this.#part.text, event);
    if (event.style === SCALAR_STYLE.PLAIN) {
      const reading = readPlainScalar(key, false);
      if ("problem" in reading || typeof reading.value !== "string") {
        this.#refuse(start, `a key must be text; write ${quote(key)} in quotes`);
        return undefined;
      }
      if (key === "<<") {
        this.#refuse(
          start,
          "merge keys (<<) are not used in manifests; what devices share belongs in a DeviceGroup",
        );
        return undefined;
      }
    }
    if (key === "__proto__") {
      this.#refuse(start, `${quote(key)} is no name for a field`);
      return undefined;
    }
    return key;
  }

  #scalar(event: Event & { type: typeof EVENT_ID.SCALAR }, place: Place): unknown {
    const text = event.valueStart < 0 ? "" : getScalarValue(this.#part.text, event);
    if (event.style !== SCALAR_STYLE.PLAIN) return text;
    const reading = readPlainScalar(text, place === "settings");
    if ("value" in reading) return reading.value;
    this.#refuse(event.valueStart, reading.problem);
    return text;
  }

  #refuse(offset: number, message: string): void {
    const path = formatPath(this.#path);
    this.#problems.push({ file: this.#file, ...this.#position(offset), path, message });
  }

  #locate(
    first: number,
    path: readonly PropertyKey[],
    part: "key" | "value",
  ): { line: number; column: number } {
    if (this.#events.length === 0) this.#events = parseYaml(this.#part.text);
    return this.#position(findNode(this.#part.text, this.#events, first, path, part));
  }

  #position(offset: number): { line: number; column: number } {
    this.#lineStarts ??= lineStartsOf(this.#part.text);
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: this.#part.linesBefore + low + 1, column: offset - this.#lineStarts[low]! + 1 };
  }
}

function placeBelow(place: Place, key: string | undefined): Place {
  if (place === "document") return key === "spec" ? "spec" : "else";
  if (place === "spec") return key === "settings" || key === "data" ? "settings" : "else";
  return place === "settings" ? "settings" : "else";
}

function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (const { index, 0: ending } of text.matchAll(/\r\n|\n|\r/g)) starts.push(index + ending.length);
  return starts;
}
