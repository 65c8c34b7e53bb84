import { describe, expect, it } from "vitest";
import { boardsLockedOut, lockOutWarning } from "../../components/board-warnings.ts";

const board = (device: string, generation: number | undefined, more: object = {}) => ({
  device,
  holder: `mac of ${device}`,
  takenAt: "2026-11-25T09:59:30.000000Z",
  class: "node",
  configDigest: "sha256:c",
  artifactDigest: "sha256:a",
  firmwareVersion: "1",
  generation,
  flashedAt: "2026-11-25T10:00:00Z",
  flashedBy: "ada",
  resourceVersion: "1",
  ...more,
});
const NONE = new Set<string>();

describe("boards that an update would lock out", () => {
  it("are those whose generation it retires, those of which none is known, and those of devices it takes away", () => {
    const boards = [board("c", 1), board("b", undefined), board("a", 1), board("fine", 2), board("gone", 7)];
    const found = boardsLockedOut(boards, { a: 2, b: 2, c: 1, fine: 2 }, NONE);
    expect(found.map(({ device, why }) => [device, why])).toEqual([
      ["a", "generation 1 of its credential, which its board has, is retired"],
      ["b", "generation 1 of its credential is retired, and nothing tells which one its board has"],
      ["gone", "the device is taken away"],
    ]);
  });

  it("are none without a board that was written to the end, nor that of a device with a new name", () => {
    const boards = [
      board("free", undefined, { holder: undefined }),
      board("taken", undefined, { flashedAt: undefined }),
      board("bundled", undefined, { holder: "bundle:1" }),
      board("old", 1),
    ];
    const oldest = { free: 2, taken: 2, bundled: 2, new: 1 };
    expect(boardsLockedOut(boards, oldest, new Set(["old"]))).toEqual([]);
  });

  it("are none of a device whose board became another one since", () => {
    const later = { holder: "mac of moved", flashedAt: "2026-11-25T11:00:00Z" };
    expect(boardsLockedOut([board("moved", 1), board("now", 2, later)], { moved: 2, now: 2 }, NONE)).toEqual(
      [],
    );
  });

  it("are named up to ten", () => {
    const found = boardsLockedOut(
      Array.from({ length: 12 }, (_, index) => board(`d-${index}`, 1)),
      {},
      NONE,
    );
    const text = lockOutWarning(found);
    expect(text).toContain("12 boards are locked out");
    expect(text).toContain("  d-0 (mac of d-0): the device is taken away\n");
    expect(text).toContain("and 2 more: edgeflock status --stale");
    expect(lockOutWarning([])).toBeUndefined();
  });
});
