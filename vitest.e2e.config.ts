import { defineConfig } from "vitest/config";

/** End-to-end tests: the real engine, API server, esptool and compilers, one file after the other. */
export default defineConfig({
  test: {
    include: ["test/e2e/**/*.test.ts"],
    exclude: ["test/e2e/full/**"],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 900_000,
  },
});
