// Run while the image of the builder "native" is made: compiles Mbed TLS, so that no build has to. Starts the compiler;
// writes into the folder that EDGEFLOCK_CACHE names.
import { mbedtls } from "../../toolchain/mbedtls.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import { IMAGE_COMPILER } from "./compiler.ts";

const { command: compiler, identity } = IMAGE_COMPILER;
await mbedtls({ compiler, identity, config: process.argv[2]!, progress: stderrProgress() });
