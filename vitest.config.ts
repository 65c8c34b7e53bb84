import { defineConfig } from "vitest/config";

/** Unit tests: everything under test/ but the end-to-end runs, which have a config of their own. */
export default defineConfig({
  test: {
    reporters: ["default", "json"],
    outputFile: { json: ".edgeflock/test-results/unit.json" },
    include: ["test/**/*.test.ts"],
    exclude: ["test/e2e/**"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
