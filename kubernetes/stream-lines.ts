// Cuts what the API server streams into lines. Pure; touches nothing.

/** With their ends, where they have one: what was cut off has none. */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    for (let at = rest.indexOf("\n"); at >= 0; at = rest.indexOf("\n")) {
      yield rest.slice(0, at + 1);
      rest = rest.slice(at + 1);
    }
  }
  if (rest !== "") yield rest;
}
