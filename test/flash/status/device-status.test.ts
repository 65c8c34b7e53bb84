import { describe, expect, it } from "vitest";
import type { BoardRecord } from "../../../flash/board-record.ts";
import {
  type DeclaredDevice,
  deviceStatuses,
  type PendingDevice,
  type StatusInput,
} from "../../../flash/status/device-status.ts";
import type { Announcement } from "../../../model/announcement.ts";

const MAC = "24:0a:c4:00:00:01";
const declared: DeclaredDevice = {
  device: "cam",
  class: "esp32-cam",
  configDigest: "sha256:c2",
  settingsDigest: "00000000000000c2",
  generation: 2,
  topic: "site/cam",
};
const flashed: BoardRecord = {
  device: "cam",
  holder: MAC,
  takenAt: "2026-11-25T09:59:30.000000Z",
  configDigest: "sha256:c2",
  artifactDigest: "sha256:a2",
  firmwareVersion: "2.0.0",
  generation: 2,
  flashedAt: "2026-11-25T10:00:00Z",
  flashedBy: "ada",
  resourceVersion: "7",
};
const says: Announcement = {
  device: "cam",
  class: "esp32-cam",
  firmware: "2.0.0",
  config: "00000000000000c2",
  gen: 2,
};
const wants: PendingDevice = { device: "cam", class: "esp32-cam", oldest: 1, formerly: [] };

interface Case {
  declared?: Partial<DeclaredDevice> | null;
  board?: Partial<BoardRecord> | null;
  announced?: Partial<Announcement> | null;
  pending?: Partial<PendingDevice> | null;
  complete?: boolean;
}

function status(of: Case) {
  const input: StatusInput = {
    declared: new Map(of.declared === null ? [] : [["cam", { ...declared, ...of.declared }]]),
    complete: of.complete ?? true,
    firmware: new Map([["esp32-cam", { artifactDigest: "sha256:a2", version: "2.0.0" }]]),
    boards: of.board === null ? [] : [{ ...flashed, ...of.board }],
    announced:
      of.announced === undefined
        ? undefined
        : new Map(of.announced === null ? [] : [["cam", { ...says, ...of.announced }]]),
    pending:
      of.pending === undefined
        ? undefined
        : new Map(of.pending === null ? [] : [["cam", { ...wants, ...of.pending }]]),
  };
  const [only] = deviceStatuses(input);
  return only!;
}

describe("a device's status", () => {
  it.each<[string, Case, string, string[]]>([
    ["current where the board has it all", {}, "current", []],
    ["stale by its configuration", { board: { configDigest: "sha256:c1" } }, "stale", ["configuration"]],
    [
      "stale by its configuration where no digest of its settings is known",
      { declared: { settingsDigest: undefined }, board: { configDigest: "sha256:c1" } },
      "stale",
      ["configuration"],
    ],
    ["stale by its firmware", { board: { artifactDigest: "sha256:a1" } }, "stale", ["firmware"]],
    [
      "stale by both",
      { board: { artifactDigest: "sha256:a1", configDigest: "sha256:c1" } },
      "stale",
      ["configuration", "firmware"],
    ],
    ["without a board", { board: null }, "no board", []],
    ["without a board where a Lease has no holder", { board: { holder: undefined } }, "no board", []],
    ["reserved for a bundle", { board: { holder: "bundle:2026" } }, "reserved", []],
    ["unfinished where the write never ended", { board: { flashedAt: undefined } }, "unfinished", []],
    ["removed where only its board is left", { declared: null }, "removed", []],
    [
      "not applied where only the manifests have it",
      { declared: null, board: null, pending: {} },
      "not applied",
      [],
    ],
    ["unknown where its Secret may not be read", { declared: null, complete: false }, "unknown", []],
  ])("is %s", (_, of, state, needs) => {
    expect(status(of)).toMatchObject({ state, needs, device: "cam" });
  });

  it("goes by what the device announces where it got newer things over the air", () => {
    const old = { configDigest: "sha256:c1", artifactDigest: "sha256:a1", firmwareVersion: "1.0.0" };
    expect(status({ board: old, announced: {} })).toMatchObject({ state: "current", needs: [] });
    expect(status({ board: old, announced: { config: "00000000000000c1" } })).toMatchObject({
      needs: ["configuration"],
    });
    // another build under the version that was flashed: the version tells nothing
    expect(status({ board: { artifactDigest: "sha256:a1" }, announced: {} }).needs).toEqual(["firmware"]);
  });

  it("is not made stale by an announcement from before it was flashed", () => {
    const before = { config: "00000000000000c1", firmware: "1.0.0", gen: 1 };
    expect(status({ announced: before, pending: { oldest: 2 } })).toMatchObject({
      state: "current",
      lockedOut: null,
    });
  });

  it("tells apart a broker that was not asked and a device that said nothing", () => {
    expect(status({})).not.toHaveProperty("announced");
    expect(status({ announced: null }).announced).toBeNull();
  });
});

describe("a board that became another device", () => {
  const other = { ...flashed, device: "cam-2" };
  const statuses = (boards: BoardRecord[]) =>
    deviceStatuses({
      declared: new Map(["cam", "cam-2"].map((device) => [device, { ...declared, device }])),
      complete: true,
      firmware: new Map([["esp32-cam", { artifactDigest: "sha256:a2", version: "2.0.0" }]]),
      boards,
      announced: undefined,
      pending: new Map(["cam", "cam-2"].map((device) => [device, { ...wants, device, oldest: 9 }])),
    }).map(({ device, state, movedTo, lockedOut }) => [device, state, movedTo, lockedOut !== null]);

  it("is the one that it was flashed as last, whatever the order of the names", () => {
    const later = { takenAt: "2026-11-25T11:00:00.000000Z", flashedAt: "2026-11-25T11:00:20Z" };
    expect(statuses([flashed, { ...other, ...later }])).toEqual([
      ["cam", "moved", "cam-2", false],
      ["cam-2", "current", null, true],
    ]);
    expect(statuses([{ ...flashed, ...later }, other])).toEqual([
      ["cam", "current", null, true],
      ["cam-2", "moved", "cam", false],
    ]);
  });

  it("is no longer the first also where writing the second broke off", () => {
    const begun = { takenAt: "2026-11-25T11:00:00.000000Z", flashedAt: undefined };
    expect(statuses([flashed, { ...other, ...begun }]).map(([, state]) => state)).toEqual([
      "moved",
      "unfinished",
    ]);
  });
});

describe("a board that the next `pulumi up` would lock out", () => {
  it.each<[string, Case, string | null]>([
    [
      "has a generation that is retired",
      { board: { generation: 1 }, pending: { oldest: 2 } },
      "generation 1 of",
    ],
    ["skipped more than one", { board: { generation: 1 }, pending: { oldest: 4 } }, "generation 1 of"],
    [
      "may have one that is retired",
      { board: { generation: undefined }, pending: { oldest: 3 } },
      "generations 1 to 2",
    ],
    ["is a device's that was taken out", { pending: null }, "no longer declares the device"],
  ])("%s", (_, of, why) => {
    expect(status(of).lockedOut).toContain(why);
  });

  it.each<[string, Case]>([
    ["the broker still takes its generation", { board: { generation: 1 }, pending: { oldest: 1 } }],
    [
      "it announces the one that was not noted",
      { board: { generation: undefined }, announced: {}, pending: { oldest: 2 } },
    ],
    [
      "it was never written",
      { board: { generation: undefined, flashedAt: undefined }, pending: { oldest: 2 } },
    ],
    ["there is none", { board: null, pending: { oldest: 2 } }],
    ["the manifests are not there to tell", { board: { generation: 1 } }],
  ])("is none where %s", (_, of) => {
    expect(status(of).lockedOut).toBeNull();
  });
});
