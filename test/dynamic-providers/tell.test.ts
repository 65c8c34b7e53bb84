import { describe, expect, it } from "vitest";
import { failedNews } from "../../dynamic-providers/tell.ts";
import { VisibleError } from "../../model/visible-error.ts";

describe("the news of what failed", () => {
  it("are what failed and the last line that it said, and no path of this machine", () => {
    const message =
      "The builder failed with exit code 3.\n  compiling\n  no header\nThe whole log: /home/me/x.log";
    const short = "The builder failed with exit code 3: no header";
    expect(failedNews(new VisibleError(message, { short }))).toEqual({
      ...{ type: "Warning", reason: "Failed", action: "Build", note: short },
    });
  });

  it("are the last line of anything else", () => {
    expect(failedNews(new Error("one\ntwo")).note).toBe("two");
    expect(failedNews("text").note).toBe("text");
  });
});
