import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { KubernetesApi } from "../../kubernetes/api.ts";
import { EventRecorder } from "../../kubernetes/events.ts";
import { KubernetesError } from "../../kubernetes/kubernetes-error.ts";

const happened = { type: "Normal", reason: "Done", action: "Build", note: "x" } as const;
const about = (namespace: string) => ({
  apiVersion: "edgeflock.io/v1alpha1",
  kind: "Device",
  namespace,
  name: "a",
});

describe("where Events may not be written", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("they are not tried again for a while, and everywhere else they are", async () => {
    const asked: string[] = [];
    const request = async (_: string, path: string) => {
      asked.push(path.split("/")[5]!);
      if (path.includes("/strange/")) throw new KubernetesError(403, "Forbidden", "you may not");
    };
    const api = { request } as unknown as KubernetesApi;
    const recorder = new EventRecorder("edgeflock.io/update");
    for (const namespace of ["strange", "site", "strange", "site"]) {
      await recorder.record(api, about(namespace), happened);
    }
    expect(asked).toEqual(["strange", "site", "site"]);
    vi.advanceTimersByTime(11 * 60_000);
    await recorder.record(api, about("strange"), happened);
    expect(asked.at(-1)).toBe("strange");
  });
});
