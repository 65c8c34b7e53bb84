// Where a field stands in a YAML text, found again from the parser's events when an error needs it. Pure; touches nothing.
import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE } from "js-yaml";

/** Offset of a node's first character; −1 for an empty one. */
export function nodeStart(text: string, event: Event): number {
  switch (event.type) {
    case EVENT_ID.SCALAR:
      return scalarStart(text, event);
    case EVENT_ID.MAPPING:
    case EVENT_ID.SEQUENCE:
      return event.start;
    case EVENT_ID.ALIAS:
      return event.anchorStart - 1;
    default:
      return -1;
  }
}

function scalarStart(text: string, event: Event & { type: typeof EVENT_ID.SCALAR }): number {
  const { valueStart: start, style } = event;
  if (start < 0 || style === SCALAR_STYLE.PLAIN) return start;
  if (style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK) {
    const header = text.lastIndexOf(style === SCALAR_STYLE.LITERAL_BLOCK ? "|" : ">", start - 1);
    return header < 0 ? start : header;
  }
  return start - 1;
}

/**
 * Offset of the value (or of the key) at `path` in the document whose content begins at event `first`; where it isn't
 * there, of the nearest field above it.
 */
export function findNode(
  text: string,
  events: readonly Event[],
  first: number,
  path: readonly PropertyKey[],
  part: "key" | "value",
): number {
  let at = first;
  let found = Math.max(0, nodeStart(text, events[first]!));
  for (const [depth, segment] of path.entries()) {
    const child = childOf(text, events, at, segment);
    if (child === undefined) return found;
    const keyStart = child.key === undefined ? -1 : nodeStart(text, events[child.key]!);
    const valueStart = nodeStart(text, events[child.value]!);
    const wantsKey = (part === "key" && depth === path.length - 1) || valueStart < 0;
    found = wantsKey && keyStart >= 0 ? keyStart : Math.max(0, valueStart);
    at = child.value;
  }
  return found;
}

/** Events of the child called `segment`: of its key (in a mapping) and its value. */
function childOf(
  text: string,
  events: readonly Event[],
  parent: number,
  segment: PropertyKey,
): { key?: number; value: number } | undefined {
  const opening = events[parent]!;
  if (opening.type === EVENT_ID.SEQUENCE) {
    let at = parent + 1;
    for (let index = 0; events[at]!.type !== EVENT_ID.POP; index++) {
      if (index === segment) return { value: at };
      at = afterNode(events, at);
    }
  }
  if (opening.type === EVENT_ID.MAPPING) {
    let at = parent + 1;
    while (events[at]!.type !== EVENT_ID.POP) {
      const key = events[at]!;
      const value = afterNode(events, at);
      if (key.type === EVENT_ID.SCALAR && getScalarValue(text, key) === String(segment))
        return { key: at, value };
      at = afterNode(events, value);
    }
  }
  return undefined;
}

/** Index of the event after a node and everything in it. */
function afterNode(events: readonly Event[], at: number): number {
  let depth = 0;
  let next = at;
  do {
    const { type } = events[next++]!;
    if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
    if (type === EVENT_ID.POP) depth--;
  } while (depth > 0);
  return next;
}
