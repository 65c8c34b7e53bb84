import { defineConfig } from "vitest/config";

/** What is too heavy for `npm test`: run by `npm run test:full`. */
export default defineConfig({
  test: {
    reporters: ["default", "json"],
    outputFile: { json: ".edgeflock/test-results/full.json" },
    include: ["test/e2e/full/**/*.test.ts"],
    globalSetup: ["test/e2e/global-setup.ts"],
    passWithNoTests: true,
    fileParallelism: false,
    // Real processes on a machine that others share: CI tries once more what failed, and the report says so.
    retry: process.env.CI ? 1 : 0,
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
  },
});
