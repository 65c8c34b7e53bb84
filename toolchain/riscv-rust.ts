// Finds a Rust that compiles for RISC-V chips: rustup's with the target installed, else one that comes with the
// sources of Rust's library (Debian's), from which `core` is built along. Starts processes; installs nothing.
import { existsSync } from "node:fs";
import { join } from "node:path";
import semver from "semver";
import { VisibleError } from "../model/visible-error.ts";
import { findOnPath } from "./path-lookup.ts";
import { tryCommand } from "./run-command.ts";
import { FITTING } from "./versions.ts";

export const RISCV_TARGET = "riscv32imc-unknown-none-elf";

export interface RiscvRust {
  cargo: string;
  rustc: string;
  version: string;
  /** Name and version of all that decides over the result: what a build's content hash takes for it. */
  identity: string;
  /** Where rustc finds its library. */
  sysroot: string;
  /** Whether `core` has to be built along, because it is not there for the chip. */
  buildLibrary: boolean;
  /** The linker, where it is not rustc's own. */
  linker?: string;
}

interface Candidate {
  rust?: RiscvRust;
  /** Why it does not do. */
  lacks?: string;
}

let found: Promise<RiscvRust> | undefined;

/**
 * The first Rust on PATH that can; one with the target installed is preferred. Looked for once a process.
 * @throws VisibleError that says what each Rust of this machine lacks, and how to get one
 */
export function findRiscvRust(): Promise<RiscvRust> {
  found ??= searchRiscvRust(process.env).catch((error: unknown) => {
    found = undefined;
    throw error;
  });
  return found;
}

/** @param environment with the PATH to search */
export async function searchRiscvRust(environment: NodeJS.ProcessEnv): Promise<RiscvRust> {
  const rustcs = await findOnPath("rustc", environment);
  const candidates = await Promise.all(rustcs.map((rustc) => examine(rustc, environment)));
  const fit = candidates.flatMap(({ rust }) => rust ?? []);
  const best = fit.find(({ buildLibrary }) => !buildLibrary) ?? fit[0];
  if (best) return best;
  const reasons = rustcs.map((rustc, at) => `\n  ${rustc} ${candidates[at]?.lacks ?? "does not work"}`);
  throw new VisibleError(
    rustcs.length === 0
      ? "esp-rs needs Rust, and there is no rustc on PATH."
      : `esp-rs needs a Rust for ${RISCV_TARGET}, and none on PATH is one:${reasons.join("")}`,
    {
      hint:
        `install one: "rustup target add ${RISCV_TARGET}" (https://rustup.rs), or on Debian ` +
        '"apt install rustc-web cargo-web rust-web-src lld"',
    },
  );
}

async function examine(program: string, environment: NodeJS.ProcessEnv): Promise<Candidate> {
  const ask = async (file: string, ...args: string[]): Promise<string> => {
    // in a folder without anybody's rust-toolchain.toml
    const { exitCode, stdout } = await tryCommand([file, ...args], {
      timeout: 60_000,
      env: environment,
      cwd: "/",
    });
    return exitCode === 0 ? stdout.trim() : "";
  };
  const sysroot = await ask(program, "--print", "sysroot");
  if (sysroot === "") return { lacks: "does not run" };
  // rustup's programs on PATH choose a toolchain by folder: take the chosen one itself
  const rustc = existsSync(join(sysroot, "bin", "rustc")) ? join(sysroot, "bin", "rustc") : program;
  const cargo = await cargoBeside(rustc, environment);
  const about = Object.fromEntries((await ask(rustc, "-vV")).split("\n").map((line) => line.split(": ")));
  const version = semver.coerce(about.release)?.version;
  if (version === undefined) return { lacks: "does not tell its version" };
  if (!semver.satisfies(version, FITTING.rust)) return { lacks: `is ${version}; ${FITTING.rust} is needed` };
  if (cargo === undefined) return { lacks: `is ${version}, without cargo` };
  const library = join(sysroot, "lib", "rustlib");
  const buildLibrary = !existsSync(join(library, RISCV_TARGET, "lib"));
  if (buildLibrary && !existsSync(join(library, "src/rust/library/core/Cargo.toml"))) {
    return { lacks: `is ${version}, with neither the target nor the library's sources` };
  }
  const ownLinker = existsSync(join(library, String(about.host), "bin", "rust-lld"));
  const linker = ownLinker ? undefined : (await findOnPath("ld.lld", environment))[0];
  if (!ownLinker && linker === undefined) return { lacks: `is ${version}, but there is no linker ld.lld` };
  const identity = [
    Object.keys(about)[0],
    about.host,
    await ask(cargo, "--version"),
    linker === undefined ? "rust-lld" : await ask(linker, "--version"),
    buildLibrary ? "library built along" : "library as installed",
  ].join("; ");
  return { rust: { cargo, rustc, version, identity, sysroot, buildLibrary, ...(linker && { linker }) } };
}

/** rustc and cargo of one installation: that of another need not understand its options. */
async function cargoBeside(rustc: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const beside = join(rustc, "..", "cargo");
  return existsSync(beside) ? beside : (await findOnPath("cargo", environment))[0];
}
