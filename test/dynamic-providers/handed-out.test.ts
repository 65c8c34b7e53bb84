import { describe, expect, it } from "vitest";
import { handedOutText, refuseOtherCredential } from "../../dynamic-providers/handed-out.ts";
import { isRefusal, OutcomeUnknown } from "../../dynamic-providers/outcome-unknown.ts";
import { UNKNOWN } from "../../dynamic-providers/unknown.ts";
import { KubernetesError } from "../../kubernetes/kubernetes-error.ts";
import { VisibleError } from "../../model/visible-error.ts";

describe("a credential that was handed out", () => {
  const refuse = (before: string | undefined, after: string) => () =>
    refuseOtherCredential("cam", before, after);

  it("may not become another one in the same generation", () => {
    expect(refuse(handedOutText(1, "aaa"), handedOutText(1, "bbb"))).toThrow(
      /"cam": its MQTT password would become/,
    );
  });

  it("may not become that of an older generation, which may be revoked", () => {
    expect(refuse(handedOutText(12, "aaa"), handedOutText(9, "bbb"))).toThrow(
      /"cam": its credentials would go back from generation 12 to 9/,
    );
  });

  it("may in a later generation, may stay, and may be unknown before or for now", () => {
    expect(refuse(handedOutText(1, "aaa"), handedOutText(2, "bbb"))).not.toThrow();
    expect(refuse(handedOutText(1, "aaa"), handedOutText(1, "aaa"))).not.toThrow();
    expect(refuse(undefined, handedOutText(1, "bbb"))).not.toThrow();
    expect(refuse(handedOutText(1, "aaa"), UNKNOWN)).not.toThrow();
  });
});

describe("a write that failed", () => {
  const lost = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

  it("was refused where the server, or we, said no", () => {
    expect(isRefusal(new KubernetesError(403, "Forbidden", "no"))).toBe(true);
    expect(isRefusal(new VisibleError("exists already", { hint: "adopt" }))).toBe(true);
    const explained = new VisibleError("was not written", {
      cause: new KubernetesError(409, "Conflict", "no"),
    });
    expect(isRefusal(explained)).toBe(true);
  });

  it("may have been carried out where the server was lost or broke down", () => {
    expect(isRefusal(lost)).toBe(false);
    expect(isRefusal(new VisibleError("cannot be reached", { cause: lost }))).toBe(false);
    expect(isRefusal(new KubernetesError(500, "InternalError", "etcd"))).toBe(false);
  });

  it("keeps id and properties for the state, and what to do for people", () => {
    const cause = new VisibleError("cannot be reached.", { hint: "Start it.", cause: lost });
    const error = new OutcomeUnknown(cause, "gh/cam-device", { device: "cam" });
    expect(error).toMatchObject({
      id: "gh/cam-device",
      properties: { device: "cam" },
      message: "cannot be reached. Start it.",
    });
  });
});
