import { describe, expect, it } from "vitest";
import { ReconcilerMetrics } from "../../../cli/reconcile/metrics.ts";

const happened = { type: "Normal", action: "Build", note: "" } as const;

describe("the metrics of builders", () => {
  it("tell firmware and configuration apart, each build once", async () => {
    const metrics = new ReconcilerMetrics({ objects: () => [], isLeading: () => true, isReady: () => true });
    const device = { ...happened, kind: "Device" };
    const built = { builder: "mine", seconds: 2 };
    metrics.happened({
      ...happened,
      kind: "DeviceClass",
      reason: "FirmwareBuilt",
      builder: "native",
      seconds: 9,
    });
    metrics.happened({ ...device, reason: "CredentialsRotated", ...built });
    metrics.happened({ ...device, reason: "ConfigChanged" });
    metrics.happened({ ...device, reason: "Failed", builder: "mine" });
    // the Secret could not be written: no builder's fault
    metrics.happened({ ...device, reason: "Failed" });
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/^edgeflock_builds_total\{builder="native",result="built"\} 1$/m);
    expect(text).toMatch(/^edgeflock_config_builds_total\{builder="mine",result="built"\} 1$/m);
    expect(text).toMatch(/^edgeflock_config_builds_total\{builder="mine",result="failed"\} 1$/m);
    expect(text).toMatch(/^edgeflock_config_build_seconds_sum\{builder="mine"\} 2$/m);
    expect(text).toMatch(/^edgeflock_device_events_total\{reason="Failed"\} 2$/m);
  });
});
