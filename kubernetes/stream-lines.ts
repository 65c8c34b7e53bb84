// Cuts what the API server streams into lines. Pure; touches nothing.

/**
 * With their ends, where they have one: what was cut off has none.
 * @param longest characters; of a line that has more, only the beginning is given
 */
export async function* linesOf(
  stream: AsyncIterable<Buffer>,
  { longest = Number.POSITIVE_INFINITY } = {},
): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let skipping = false;
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let at = rest.indexOf("\n"); at >= 0; at = rest.indexOf("\n", from)) {
      if (!skipping) yield rest.slice(from, at + 1);
      skipping = false;
      from = at + 1;
    }
    rest = rest.slice(from);
    if (rest.length <= longest) continue;
    if (!skipping) yield `${rest.slice(0, longest)}\n`;
    skipping = true;
    rest = "";
  }
  if (rest !== "" && !skipping) yield rest;
}
