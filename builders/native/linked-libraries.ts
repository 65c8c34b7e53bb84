// What is linked into the native firmware beside its own sources, for its bill of materials. Starts the compiler.
import { execa } from "execa";
import type { Mbedtls } from "../../toolchain/mbedtls.ts";
import type { Library } from "../libraries.ts";
import { type HostCompiler, LINKS_STATICALLY } from "./compiler.ts";

export async function linkedLibraries(compiler: HostCompiler, tls: Mbedtls): Promise<Library[]> {
  const { version, origin } = tls;
  const own: Library = {
    name: "mbedtls",
    version,
    purl: `pkg:github/mbed-tls/mbedtls@v${version}`,
    from: origin,
  };
  return [own, ...(LINKS_STATICALLY ? await standardLibrary(compiler) : [])];
}

/** By the macros that it defines: https://en.cppreference.com/w/cpp/header/version */
async function standardLibrary({ command }: HostCompiler): Promise<Library[]> {
  const [program, ...words] = command;
  const { stdout } = await execa(program!, [...words, "-std=c++17", "-x", "c++", "-dM", "-E", "-"], {
    input: "#include <cstddef>\n",
  });
  return standardLibraryOf(stdout);
}

/** Exported for tests. @param macros as `-dM -E` prints them */
export function standardLibraryOf(macros: string): Library[] {
  const value = (name: string) => new RegExp(`^#define ${name} (\\d+)`, "m").exec(macros)?.[1];
  const gnu = value("_GLIBCXX_RELEASE");
  if (gnu !== undefined) return [{ name: "libstdc++", version: gnu }];
  // 190107 is 19.1.7
  const llvm = value("_LIBCPP_VERSION");
  if (llvm === undefined) return [];
  const parts = [llvm.slice(0, -4), llvm.slice(-4, -2), llvm.slice(-2)];
  return [{ name: "libc++", version: parts.map(Number).join(".") }];
}
