import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, it } from "vitest";
import { withoutSecretsInDebugLog } from "../../components/without-secrets-in-debug-log.ts";

describe("Pulumi's debug log", () => {
  const original = pulumi.log.debug;
  afterEach(() => {
    Object.defineProperty(pulumi.log, "debug", { value: original, configurable: true, writable: true });
  });

  it("has no answer of the engine, which holds secrets, and all else", () => {
    const heard: string[] = [];
    const listen = (message: string) => Promise.resolve(void heard.push(message));
    Object.defineProperty(pulumi.log, "debug", { value: listen, configurable: true, writable: true });
    withoutSecretsInDebugLog();
    pulumi.log.debug("RegisterResource RPC finished: a; err: null, resp: urn,,,\nhunter2,,value");
    pulumi.log.debug("Registering resource: t=a, name=b");
    expect(heard).toEqual([
      "RegisterResource RPC finished: a; err: null, resp: (left out, it may hold secrets)",
      "Registering resource: t=a, name=b",
    ]);
  });
});
