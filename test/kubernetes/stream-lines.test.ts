import { describe, expect, it } from "vitest";
import { linesOf } from "../../kubernetes/stream-lines.ts";

async function lines(chunks: (string | Buffer)[], longest?: number): Promise<string[]> {
  async function* stream() {
    for (const chunk of chunks) yield Buffer.from(chunk as string);
  }
  const all: string[] = [];
  for await (const line of linesOf(stream(), longest === undefined ? {} : { longest })) all.push(line);
  return all;
}

describe("the lines of a stream", () => {
  it("are whole, however they come", async () => {
    expect(await lines(["a", "b\nc\n\nd", "e"])).toEqual(["ab\n", "c\n", "\n", "de"]);
    const [first, second] = [Buffer.from("ü\n").subarray(0, 1), Buffer.from("ü\n").subarray(1)];
    expect(await lines([first!, second!])).toEqual(["ü\n"]);
  });

  it("give of one that is too long its beginning, and keep nothing of the rest", async () => {
    expect(await lines(["0123", "456", "789", "x\nnext\n"], 5)).toEqual(["01234\n", "next\n"]);
    expect(await lines(["012345", "6"], 5)).toEqual(["01234\n"]);
  });
});
