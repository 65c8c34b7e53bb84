// Which engine is taken, and what is said where none works: test/builders/executors/container.test.ts.
import { expect, it } from "vitest";
import { keepsLimits } from "../../toolchain/container-engine.ts";

it("podman keeps no limits without root where cgroups are of version 1", () => {
  expect(keepsLimits("rootless=true cgroups=v1")).toBe(false);
  expect(keepsLimits("rootless=true cgroups=v2")).toBe(true);
  expect(keepsLimits("rootless=false cgroups=v1")).toBe(true);
});
