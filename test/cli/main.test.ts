// The `edgeflock` command as a person calls it: its help, its version, a command that does not exist.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../cli/command-table.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function edgeflock(...args: string[]) {
  const ran = spawnSync(process.execPath, [`${ROOT}/bin/edgeflock.mjs`, ...args], { encoding: "utf8" });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}

describe("edgeflock", () => {
  it("lists every command under its heading", () => {
    const { code, out } = edgeflock("--help");
    expect(code).toBe(0);
    for (const { name, group } of COMMANDS) {
      const [, section = ""] = out.split(`\n${group}\n`);
      expect(section.split("\n\n")[0], `${name} under ${group}`).toMatch(new RegExp(`^  ${name} `, "m"));
    }
  });

  it("prints its version", () => {
    const { version } = JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8")) as { version: string };
    expect(edgeflock("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });

  it("has the same help by `help COMMAND` and by `COMMAND --help`", () => {
    const { code, out } = edgeflock("help", "flash");
    expect({ code, out }).toEqual({ code: 0, out: edgeflock("flash", "--help").out });
    expect(out).toContain("--bundle <file>");
  });

  it("refuses a command that it does not know, and names a similar one", () => {
    const { code, out, err } = edgeflock("flsh");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain("Did you mean flash?");
  });
});
