import { defineConfig } from "vitest/config";

/** End-to-end tests: the real engine, API server, esptool and compilers, one file after the other. */
export default defineConfig({
  test: {
    reporters: ["default", "json"],
    outputFile: { json: ".edgeflock/test-results/e2e.json" },
    include: ["test/e2e/**/*.test.ts"],
    globalSetup: ["test/e2e/global-setup.ts"],
    exclude: ["test/e2e/full/**"],
    fileParallelism: false,
    // Real processes on a machine that others share: CI tries once more what failed, and the report says so.
    retry: process.env.CI ? 1 : 0,
    testTimeout: 300_000,
    hookTimeout: 900_000,
  },
});
