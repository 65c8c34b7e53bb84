import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { twoHalls } from "./manifests.ts";
import { ReconciledFleet } from "./reconciled-fleet.ts";

// A fleet whose kinds are objects in the cluster, told in order: each test goes on where the one before it ended.
describe("a fleet that is declared in the cluster", () => {
  let fleet: ReconciledFleet;

  beforeAll(async () => {
    fleet = await ReconciledFleet.create();
    fleet.project.variables.NORTH_WIFI_PASSWORD = "north-password";
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  it("becomes ready by itself", async () => {
    fleet.reconciler();
    await fleet.apply(...twoHalls(fleet.namespace));
    for (const name of ["a", "b", "c"]) await fleet.ready("Device", name);
    await fleet.ready("DeviceClass", "node");
    await fleet.ready("DeviceGroup", "north");
    await fleet.ready("DevicesCluster", fleet.namespace);
    expect(Object.keys((await fleet.project.secret(fleet.namespace, "a-device"))!)).toContain("config.bin");
    const { status } = await fleet.object("Device", "a");
    expect(status?.conditions?.map(({ type, status }) => `${type} ${status}`)).toEqual([
      "Validated True",
      "FirmwareBuilt True",
      "ConfigBuilt True",
      "CredentialsIssued True",
      "Ready True",
    ]);
  });
});
