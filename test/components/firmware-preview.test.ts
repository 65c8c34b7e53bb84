import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { DevicesCluster } from "../../components/devices-cluster.ts";
import { announceBuild } from "../../components/firmware-preview.ts";

afterEach(() => vi.restoreAllMocks());

describe("what a preview says of a class's firmware", () => {
  it("is that it is not known, and why, where the cluster cannot be asked", async () => {
    vi.spyOn(pulumi.runtime, "isDryRun").mockReturnValue(true);
    const warned = vi.spyOn(pulumi.log, "warn").mockResolvedValue(undefined);
    const cluster = {
      namespaceName: "site",
      connection: { api: () => Promise.reject(new Error("nobody answers at 127.0.0.1:6443\nmore of it")) },
    } as unknown as DevicesCluster;
    const plan = pulumi.output({ hash: "0", parts: {}, cached: false }) as pulumi.Output<never>;
    announceBuild("node", cluster, plan, false, undefined as unknown as pulumi.Resource);
    await vi.waitFor(() => expect(warned).toHaveBeenCalled());
    expect(warned.mock.calls[0]![0]).toBe(
      "whether the firmware of class node will be built is not known: nobody answers at 127.0.0.1:6443",
    );
  });
});
