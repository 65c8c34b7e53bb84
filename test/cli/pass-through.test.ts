import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { passedArguments, userFolder } from "../../cli/pass-through.ts";
import { temporaryFolder } from "../toolchain/temporary-folder.ts";

const EDGEFLOCK = fileURLToPath(new URL("../../bin/edgeflock.mjs", import.meta.url));

/** Runs `edgeflock kubectl` in a project of its own, with a kubectl on PATH that is a script. */
function kubectl(script: string, args: string[], folderBelow = ".") {
  const project = temporaryFolder();
  writeFileSync(join(project, "Pulumi.yaml"), "name: p\nruntime: nodejs\n");
  mkdirSync(join(project, folderBelow), { recursive: true });
  const program = join(project, "kubectl");
  const version = `if [ "$1 $2" = "version --client" ]; then echo '{"gitVersion": "v1.36.0"}'; exit; fi`;
  writeFileSync(program, `#!/bin/sh\n${version}\n${script}\n`);
  chmodSync(program, 0o755);
  return execa(process.execPath, [EDGEFLOCK, "kubectl", ...args], {
    cwd: join(project, folderBelow),
    env: { PATH: `${project}:${process.env.PATH}` },
    reject: false,
  });
}

describe("passing a command line through", () => {
  it("takes every word, with the tool's own -- and --help", () => {
    const passed = (...words: string[]) =>
      passedArguments("kubectl", ["node", "edgeflock", "kubectl", ...words]);
    expect(passed("--", "exec", "pod", "--", "ls", "-l")).toEqual(["exec", "pod", "--", "ls", "-l"]);
    expect(passed("exec", "pod", "--", "ls")).toEqual(["exec", "pod", "--", "ls"]);
    expect(passed("--help")).toEqual(["--help"]);
    expect(passed()).toEqual([]);
  });

  it("gives the tool its words, and its output and exit code back", async () => {
    const script = 'for word; do echo "<$word>"; done; echo error >&2; exit 42';
    const ran = await kubectl(script, ["get", "pods", "-o", "json", "--help", "--", "a b"], "deep/below");
    expect(ran.stdout).toBe("<get>\n<pods>\n<-o>\n<json>\n<--help>\n<-->\n<a b>");
    expect(ran.stderr).toContain("error");
    expect(ran.exitCode).toBe(42);
  });

  it("points kubectl at the project's own cluster and says where that does not run", async () => {
    const ran = await kubectl("echo $KUBECONFIG", ["get", "pods"], "below");
    expect(ran.stdout).toMatch(/\.edgeflock\/kubernetes\/kubeconfig$/);
    expect(ran.stderr).toContain("npm run cluster -- start");
  });

  it("hands signals on and ends as the tool ended", async () => {
    const script = "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.1; done";
    const running = kubectl(script, ["get"]);
    for await (const line of running) if (line === "ready") running.kill("SIGTERM");
    const ran = await running;
    expect(ran.stdout).toBe("ready\ntold");
    expect(ran.exitCode).toBe(7);
    const killed = await kubectl("kill -9 $$", ["get"]);
    expect(killed.signal).toBe("SIGKILL");
  });
});

describe("the user's folder", () => {
  it("is where npm was called, for a script of npm", () => {
    const npm = { npm_lifecycle_event: "kubectl", npm_package_json: `${process.cwd()}/package.json` };
    expect(userFolder({ ...npm, INIT_CWD: "/x" })).toBe("/x");
    expect(userFolder({ INIT_CWD: "/x" })).toBe(process.cwd());
    expect(userFolder({ ...npm, npm_package_json: "/other/package.json", INIT_CWD: "/x" })).toBe(
      process.cwd(),
    );
  });
});
