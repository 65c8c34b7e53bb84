import { createColors } from "picocolors";
import { expect, test } from "vitest";
import { statusText } from "../../cli/status/status-text.ts";
import type { DeviceStatus } from "../../flash/status/device-status.ts";

const style = createColors(false);
const current: DeviceStatus = {
  device: "cam-001",
  class: "esp32-cam",
  state: "current",
  movedTo: null,
  needs: [],
  lockedOut: null,
  declared: { config: "sha256:c", settings: "00", generation: 2, artifact: "sha256:a", firmware: "1.4.2" },
  flashed: {
    mac: "24:0a:c4:00:00:01",
    config: "sha256:c",
    generation: 2,
    artifact: "sha256:a",
    firmware: "1.4.2",
    at: "2026-11-25T10:00:00Z",
    by: "ada",
  },
};
const show = (devices: DeviceStatus[], stale = false, manifests = true) =>
  statusText({ namespace: "greenhouse", manifests, devices }, { stale, style });

test("is a table with a sum", () => {
  const bare = { ...current, device: "cam-2", state: "no board", flashed: null } as const;
  expect(show([current, bare])).toBe(
    [
      "greenhouse:",
      "DEVICE   CLASS      BOARD              STATE     FLASHED",
      "cam-001  esp32-cam  24:0a:c4:00:00:01  current   1.4.2 (gen 2) 2026-11-25T10:00:00Z",
      "cam-2    esp32-cam                     no board",
      "2 devices, 1 current, 1 without a board.",
    ].join("\n"),
  );
});

test("says which board the next up would lock out, and what to do", () => {
  const lockedOut = "generation 1 of its credential, which its board has, is retired";
  const text = show([{ ...current, state: "stale", needs: ["configuration"], lockedOut }]);
  expect(text).toContain("needs configuration");
  expect(text).toContain(
    `cam-001 would be locked out by the next "pulumi up": ${lockedOut}. Flash it first.`,
  );
  expect(text).toContain("1 device, 1 to flash, 1 would be locked out");
});

test("has what devices announce where the broker was asked", () => {
  const announced = { device: "cam-001", class: "esp32-cam", firmware: "1.5.0", config: "00", gen: 3 };
  expect(show([{ ...current, announced }])).toMatch(/ANNOUNCES\n.* {2}1\.5\.0 \(gen 3\)\n/);
  expect(show([{ ...current, announced: null }])).toMatch(/ {2}nothing\n/);
});

test("says so where nothing is to be flashed, and where nothing is known of the next up", () => {
  expect(show([], true)).toBe("greenhouse: no board needs flashing.");
  expect(show([current], false, false)).toContain("Without what the stack declares");
});

test("says which device a board is now that was this one's", () => {
  const moved: DeviceStatus = { ...current, state: "moved", movedTo: "cam-7" };
  const text = show([moved]);
  expect(text).toContain("its board is cam-7 now");
  expect(text).toContain("1 device, 1 without a board.");
});
