import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type LineEvent, ResetLines } from "../../../flash/virtual-esp32/reset-lines.ts";

let events: LineEvent[];
let lines: ResetLines;

beforeEach(() => {
  vi.useFakeTimers();
  events = [];
  lines = new ResetLines((event) => events.push(event));
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the handshake lines", () => {
  it("reset into the firmware when RTS is set and let go", () => {
    lines.set({ rts: true });
    lines.set({ rts: false });
    expect(events).toEqual(["hold", "boot"]);
  });

  it("reset into download mode when DTR is set as RTS is let go, both at once", () => {
    lines.set({ dtr: false, rts: true });
    lines.set({ dtr: true, rts: false });
    lines.set({ dtr: false, rts: false });
    expect(events).toEqual(["hold", "download"]);
  });

  it("do the same when they are set one after the other, as esptool does through a network", () => {
    for (const change of [{ dtr: false }, { rts: true }, { dtr: true }, { rts: false }, { dtr: false }]) {
      lines.set(change);
      vi.advanceTimersByTime(400);
    }
    expect(events).toEqual(["hold", "download"]);
  });

  it("leave a running board alone when a terminal sets both or neither", () => {
    lines.set({ dtr: true });
    lines.set({ rts: true });
    lines.set({ dtr: false, rts: false });
    expect(events).toEqual([]);
  });

  it("let the board go when both stay set after a reset", () => {
    lines.set({ rts: true });
    lines.set({ dtr: true });
    vi.advanceTimersByTime(2000);
    expect(events).toEqual(["hold", "boot"]);
  });
});
