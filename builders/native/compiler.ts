// How the firmware is compiled for this host: what builder.ts tells build.ts, and the flags. Pure.

/** The variable with the compiler, as JSON. */
export const COMPILER_VARIABLE = "EDGEFLOCK_CXX";

export interface HostCompiler {
  /** The first words of a command line. */
  command: string[];
  identity: string;
}

/** Of the builder's image, whose digest is what identifies it. */
export const IMAGE_COMPILER: HostCompiler = { command: ["c++"], identity: "c++ of this image" };

/** Strict, portable, and the same bytes each time: no paths, no times, no ids. */
export const COMPILE = [
  "-std=c++17",
  "-Os",
  "-Wall",
  "-Wextra",
  "-Wshadow",
  "-Werror",
  "-ffunction-sections",
  "-fdata-sections",
  "-I",
  ".",
];

/** On Linux the executable needs nothing of the machine it runs on but its C library. */
export const LINKS_STATICALLY = process.platform === "linux";
export const LINK = LINKS_STATICALLY
  ? ["-static-libstdc++", "-static-libgcc", "-s", "-Wl,--build-id=none", "-Wl,--gc-sections"]
  : [];
