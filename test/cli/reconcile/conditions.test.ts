import { describe, expect, it } from "vitest";
import { nextStatus, type Wish } from "../../../cli/reconcile/conditions.ts";

const [EARLIER, NOW] = ["2026-11-26T01:00:00Z", "2026-11-26T02:00:00Z"];
const ready = (status: Wish["status"], reason = "Done"): Wish => ({
  type: "Ready",
  status,
  reason,
  message: "",
});
const valid: Wish = { type: "Validated", status: "True", reason: "Valid", message: "" };

describe("a status", () => {
  it("is not written where nothing of it changes", () => {
    const first = nextStatus(undefined, [ready("True"), valid], 1, EARLIER);
    expect(first?.conditions?.map(({ type }) => type)).toEqual(["Validated", "Ready"]);
    expect(nextStatus(first, [valid, ready("True")], 1, NOW)).toBeUndefined();
  });

  it("keeps the time of a condition whose truth stays, whatever its reason", () => {
    const first = nextStatus(undefined, [ready("False", "A")], 1, EARLIER);
    const second = nextStatus(first, [ready("False", "B")], 1, NOW);
    expect(second?.conditions?.[0]).toMatchObject({ reason: "B", lastTransitionTime: EARLIER });
    expect(nextStatus(second, [ready("True")], 1, NOW)?.conditions?.[0]).toMatchObject({
      lastTransitionTime: NOW,
    });
  });

  it("says which generation it is about", () => {
    const first = nextStatus(undefined, [ready("True")], 1, EARLIER);
    expect(nextStatus(first, [ready("True")], 2, NOW)).toMatchObject({
      observedGeneration: 2,
      conditions: [{ observedGeneration: 2, lastTransitionTime: EARLIER }],
    });
  });

  it("leaves conditions of other types alone", () => {
    const theirs = {
      type: "Theirs",
      status: "True" as const,
      lastTransitionTime: EARLIER,
      reason: "X",
      message: "",
    };
    const next = nextStatus({ conditions: [theirs] }, [ready("True")], 1, NOW);
    expect(next?.conditions?.map(({ type }) => type)).toEqual(["Ready", "Theirs"]);
  });
});
