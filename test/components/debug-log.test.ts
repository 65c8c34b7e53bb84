import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { withoutDebugLog } from "../../components/without-debug-log.ts";

describe("Pulumi's debug log", () => {
  const original = pulumi.log.debug;
  let heard: string[];
  beforeEach(() => {
    heard = [];
    const listen = (message: string) => Promise.resolve(void heard.push(message));
    Object.defineProperty(pulumi.log, "debug", { value: listen, configurable: true, writable: true });
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    Object.defineProperty(pulumi.log, "debug", { value: original, configurable: true, writable: true });
  });

  function say(): void {
    pulumi.log.debug("RegisterResource RPC finished: a; err: null, resp: urn,,,\nhunter2,,value");
    pulumi.log.debug("Registering resource: t=a, name=b");
  }

  it("is silent where nobody looks for a fault", () => {
    vi.stubEnv("EDGEFLOCK_DEBUG", "");
    withoutDebugLog();
    say();
    expect(heard).toEqual([]);
  });

  it("has no answer of the engine, which holds secrets, and all else, for whoever looks for one", () => {
    vi.stubEnv("EDGEFLOCK_DEBUG", "1");
    withoutDebugLog();
    say();
    expect(heard).toEqual([
      "RegisterResource RPC finished: a; err: null, resp: (left out, it may hold secrets)",
      "Registering resource: t=a, name=b",
    ]);
  });
});
