import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flashScriptProblems, shellQuote } from "../../../flash/flash-script/header.ts";
import { renderFlashScript } from "../../../flash/flash-script.ts";
import { ARTIFACT, artifactWith, INPUT, inputWith } from "./support/inputs.ts";
import { run, runPiped, SHELLS } from "./support/shell.ts";
import { shellcheckCommand } from "./support/shellcheck.ts";

describe("the text of a flash script", () => {
  it("is the same for the same input, whatever the order of the files", () => {
    const shuffled = artifactWith({ files: [...ARTIFACT.files].reverse() });
    expect(renderFlashScript(shuffled)).toBe(renderFlashScript(INPUT));
  });

  it("is POSIX sh without a remark of shellcheck", { timeout: 180_000 }, async () => {
    const { code, stdout } = await run([await shellcheckCommand(), "--shell=sh", "-"], {
      input: renderFlashScript(INPUT),
    });
    expect(stdout).toBe("");
    expect(code).toBe(0);
  });

  it("uses no option that only GNU's tools have", () => {
    const script = renderFlashScript(INPUT);
    for (const gnu of [
      /\bsed\b[^|\n]* -i/,
      /\bsed -E?r/,
      /\bgrep -P/,
      /\breadlink -f/,
      /\bstat -c/,
      /\bmktemp --/,
      /\bbase64 --/,
      /\becho -e/,
      /\bhead -c/,
      /\bcut --/,
    ]) {
      expect(script).not.toMatch(gnu);
    }
  });

  it("holds the offset of the partition table even where it is not the usual one", () => {
    const files = ARTIFACT.files.map((file) => (file.offset === 0x8000 ? { ...file, offset: 0xc000 } : file));
    const moved = renderFlashScript(
      artifactWith({ files, config: { label: "cfg", offset: 0x300000, size: 0x6000 } }),
    );
    expect(moved).toContain(`TABLE_OFFSET='${0xc000}'`);
  });

  it("does nothing when it arrives cut short", { timeout: 60_000 }, async () => {
    const script = renderFlashScript(INPUT);
    const cuts = [0.1, 0.5, 0.9].map((part) =>
      script.slice(0, script.lastIndexOf("\n", script.length * part)),
    );
    const beforeTheLastLines = script.slice(0, script.lastIndexOf('main "$@"'));
    for (const text of [...cuts, beforeTheLastLines]) {
      const ran = await runPiped(["sh"], text, ["cam-001"], { EDGEFLOCK_KUBECTL: "false" });
      expect(ran.stderr).not.toContain("flash.sh:");
      expect(ran.stdout).toBe("");
    }
  });
});

describe("what a flash script is made from", () => {
  it("may be anything that the shell would take for more than text", async () => {
    for (const shell of SHELLS) {
      await fc.assert(
        fc.asyncProperty(
          fc.string({ unit: fc.constantFrom("'", '"', "$", "`", "\\", " ", ";", "a", "\n", "é", "*") }),
          async (text) => {
            const ran = await run([...shell, "-c", `value=${shellQuote(text)}; printf %s "$value"`]);
            expect(ran.stdout).toBe(text);
          },
        ),
        { numRuns: 15 },
      );
    }
  });

  it("stays text in a version, a path of a store and a label", async () => {
    const hostile = "1.0'; touch owned; echo '$(touch owned)`touch owned`";
    const script = renderFlashScript(
      artifactWith({ version: hostile, store: { kind: "directory", path: `/mnt/${hostile}` } }),
    );
    const ran = await runPiped(["sh"], script, ["--help"]);
    expect(ran.stdout).toContain(`firmware ${hostile})`);
    expect(() => readFileSync("owned")).toThrow();
  });

  it("is refused where a name is none, and all of it is said at once", () => {
    const problems = flashScriptProblems({
      ...inputWith({
        className: "Cam 1",
        clusterName: "-x",
        namespace: "a/b",
        chip: "esp33",
        clusterUid: "1",
      }),
      artifact: {
        ...ARTIFACT,
        chip: "esp32",
        digest: "abc",
        version: "1\n2",
        flashSize: "big",
        config: { label: "a b", offset: 1, size: 0 },
        store: { kind: "cluster", namespace: "", parts: ["../x"] },
      },
    });
    for (const word of [
      "className",
      "clusterName",
      "namespace",
      "esp33",
      "clusterUid",
      "digest",
      "version",
      "flashSize",
      "label",
      "offset",
      "size",
      "../x",
      "store.namespace",
    ]) {
      expect(problems.join("\n")).toContain(word);
    }
    expect(() => renderFlashScript(inputWith({ className: "Cam 1" }))).toThrow(
      /No flash script can be made for class "Cam 1": className must be/,
    );
  });

  it.each(["../up", "/etc/passwd", "a/../b", "a//b", "a b", "-rf", "a/-o", "", ".", "a\nb", "a;b", "$(x)"])(
    "is refused for a file called %j",
    (path) => {
      const files = [{ ...ARTIFACT.files[0]!, path }];
      expect(flashScriptProblems(artifactWith({ files })).join()).toContain("is not a path");
    },
  );

  it("is refused where files overlap, lie off a sector or there are none", () => {
    const [first, second] = ARTIFACT.files as [(typeof ARTIFACT.files)[0], (typeof ARTIFACT.files)[0]];
    expect(flashScriptProblems(artifactWith({ files: [] })).join()).toContain("must not be empty");
    expect(
      flashScriptProblems(artifactWith({ files: [{ ...first, size: 0x8000 }, second] })).join(),
    ).toContain("begins inside");
    expect(flashScriptProblems(artifactWith({ files: [{ ...first, offset: 0x9001 }] })).join()).toContain(
      "multiple of a flash sector",
    );
  });
});
