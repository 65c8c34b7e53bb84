import { describe, expect, it } from "vitest";
import { formerNames } from "../../model/former-names.ts";
import { device, fleet, group, positionOf, problemsOf } from "./manifests.ts";

const renamed = (name: string, ...formerly: string[]) => device(name, `formerly: [${formerly.join(", ")}]`);

describe("former names", () => {
  it("give the oldest one as the name that credentials derive from, over any chain of renames and namespaces", () => {
    const now = { namespace: "gh", name: "c" };
    expect(formerNames([], now).original).toEqual(now);
    expect(formerNames(["a", "b"], now)).toEqual({
      original: { namespace: "gh", name: "a" },
      former: [
        { namespace: "gh", name: "a" },
        { namespace: "gh", name: "b" },
      ],
    });
    expect(formerNames(["old/a"], now).original).toEqual({ namespace: "old", name: "a" });
  });

  it("are taken in every kind", () => {
    expect(problemsOf(fleet(renamed("fern-02", "fern-01", "other-site/fern-00")))).toEqual([]);
  });

  it("that somebody bears now are refused with both places", () => {
    const text = fleet(device("fern-01"), renamed("fern-02", "fern-01"));
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(
        /^f\.yaml:\d+:\d+ spec\.formerly\[0\]: "fern-01" is the name of Device fern-01 \(f\.yaml:\d+\); a new one needs a new name/,
      ),
    ]);
  });

  it("that two claim are refused with both places", () => {
    const text = fleet(renamed("fern-02", "fern-01"), renamed("fern-03", "fern-01"));
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(
        /Device fern-02 \(f\.yaml:\d+\) had this name already; only one can have been it/,
      ),
    ]);
  });

  it("that are the present one, or stand there twice, are refused", () => {
    const text = fleet(renamed("fern-02", "fern-02", "fern-01", "fern-01"));
    expect(problemsOf(text)).toEqual([
      expect.stringContaining('"fern-02" is the present name'),
      expect.stringContaining('"fern-01" is listed twice'),
    ]);
  });

  it("of another kind or namespace are no concern of each other", () => {
    const text = fleet(group("fern-01", "selector: {}"), renamed("fern-02", "fern-01"));
    expect(problemsOf(text)).toEqual([]);
    expect(problemsOf(fleet(device("fern-01"), renamed("fern-02", "other/fern-01")))).toEqual([]);
  });

  it.each(["Fern", "a/b/c", "'../x'", "''", "a/"])("that cannot be names are refused: %s", (name) => {
    const text = fleet(renamed("fern-02", name));
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(new RegExp(`^f\\.yaml:${positionOf(text, name)} spec\\.formerly\\[0\\]: `)),
    ]);
  });
});
