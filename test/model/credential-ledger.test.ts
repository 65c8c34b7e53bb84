import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CredentialLedger,
  type CredentialRecord,
  type CredentialWish,
  credentialFor,
  EMPTY_LEDGER,
  hasOlderGenerations,
  ledgerKey,
  updateLedger,
} from "../../model/credential-ledger.ts";
import { addDays, isDay } from "../../model/days.ts";
import { deviceRecordText, ledgerData, readDeviceRecord, readLedgerData } from "../../model/ledger-text.ts";

const TODAY = "2026-11-25";
const wish = (declared = 1, more: Partial<CredentialWish> = {}) => ({
  declared,
  keepPrevious: true,
  ...more,
});
const record = (generation: number, more: Partial<CredentialRecord> = {}): CredentialRecord => ({
  generation,
  oldest: generation,
  declared: generation,
  issued: "2026-01-01",
  ...more,
});
const ledger = (
  devices: Record<string, CredentialRecord>,
  retired: Record<string, number> = {},
): CredentialLedger => ({
  devices: new Map(Object.entries(devices)),
  retired: new Map(Object.entries(retired)),
});

describe("the generation of a device", () => {
  it("is the declared one at first, from today", () => {
    expect(credentialFor("a", wish(), EMPTY_LEDGER, TODAY)).toEqual(record(1, { issued: TODAY }));
    expect(credentialFor("a", wish(3), EMPTY_LEDGER, TODAY)).toEqual(record(3, { oldest: 2, issued: TODAY }));
  });

  it("stays as it is while nothing is asked for, whatever day it is", () => {
    const known = ledger({ a: record(2, { oldest: 1 }) });
    expect(credentialFor("a", wish(2), known, "2099-01-01")).toEqual(record(2, { oldest: 1 }));
  });

  it("goes up with the manifest's, the older ones still taken", () => {
    const known = ledger({ a: record(1) });
    expect(credentialFor("a", wish(2), known, TODAY)).toEqual(record(2, { oldest: 1, issued: TODAY }));
    expect(credentialFor("a", wish(4), known, TODAY)).toMatchObject({ generation: 4, oldest: 1 });
  });

  it("retires the older ones once the board was seen with a newer one, and never takes them up again", () => {
    const known = ledger({ a: record(3, { oldest: 1 }) });
    expect(credentialFor("a", wish(3), known, TODAY, 2)).toMatchObject({ generation: 3, oldest: 2 });
    expect(credentialFor("a", wish(3), known, TODAY, 3)).toMatchObject({ oldest: 3 });
    expect(credentialFor("a", wish(3), known, TODAY, 4)).toMatchObject({ oldest: 1 });
    expect(credentialFor("a", wish(3), ledger({ a: record(3) }), TODAY, 1)).toMatchObject({ oldest: 3 });
  });

  it("retires them at once where the manifest says so", () => {
    const known = ledger({ a: record(2, { oldest: 1 }) });
    expect(credentialFor("a", wish(2, { keepPrevious: false }), known, TODAY)).toEqual(record(2));
    expect(credentialFor("a", wish(3, { keepPrevious: false }), known, TODAY)).toMatchObject({ oldest: 3 });
  });

  it("goes up by age, once, and a raise in the manifest counts on from there", () => {
    const aged = wish(1, { maxAge: 30 });
    const known = ledger({ a: record(1, { issued: "2026-10-26" }) });
    expect(credentialFor("a", aged, known, "2026-11-24")).toMatchObject({ generation: 1 });
    const next = credentialFor("a", aged, known, TODAY);
    expect(next).toEqual({ generation: 2, oldest: 1, declared: 1, issued: TODAY });
    expect(credentialFor("a", aged, ledger({ a: next }), TODAY)).toEqual(next);
    expect(credentialFor("a", wish(2, { maxAge: 30 }), ledger({ a: next }), TODAY)).toMatchObject({
      generation: 3,
      oldest: 1,
      declared: 2,
    });
  });

  it("does not go down", () => {
    expect(() => credentialFor("a", wish(1), ledger({ a: record(2) }), TODAY)).toThrow(
      /"a": spec.credentials.generation went down, from 2 to 1/,
    );
  });

  it("is a new one where the name was retired, whatever the manifest says", () => {
    const known = ledger({}, { a: 3 });
    expect(credentialFor("a", wish(), known, TODAY)).toEqual({
      generation: 4,
      oldest: 4,
      declared: 1,
      issued: TODAY,
    });
    expect(credentialFor("a", wish(2), known, TODAY)).toMatchObject({ generation: 4, declared: 2 });
  });
});

describe("the ledger", () => {
  it("keeps who is there, and retires who is not", () => {
    const known = ledger({ a: record(1), b: record(5) }, { c: 2 });
    const { ledger: next, revived } = updateLedger([known], new Map([["a", record(2)]]));
    expect(next).toEqual(ledger({ a: record(2) }, { b: 5, c: 2 }));
    expect(revived).toEqual([]);
  });

  it("knows of a device that was declared again before the ledger was found again", () => {
    const remembered = ledger({}, { a: 2 });
    const { ledger: next, revived } = updateLedger([EMPTY_LEDGER, remembered], new Map([["a", record(1)]]));
    expect(revived).toEqual(["a"]);
    expect(credentialFor("a", wish(), next, TODAY)).toMatchObject({ generation: 3 });
  });

  it("knows that an older generation was ended, before the ledger was found again", () => {
    const remembered = ledger({ a: record(3) });
    const { ledger: next, revived } = updateLedger(
      [EMPTY_LEDGER, remembered],
      new Map([["a", record(3, { oldest: 2 })]]),
    );
    expect(revived).toEqual(["a"]);
    expect(next).toEqual(remembered);
  });

  it("is told by a device's Secret with what its broker still takes", () => {
    for (const each of [record(3), record(3, { oldest: 1 })]) {
      expect(readDeviceRecord(deviceRecordText("a", each))).toEqual({ key: "a", record: each });
    }
  });

  it("names a device by its oldest name", () => {
    expect(ledgerKey({ namespace: "gh", name: "a" }, "gh")).toBe("a");
    expect(ledgerKey({ namespace: "old", name: "a" }, "gh")).toBe("old/a");
  });

  it("says when it matters what a board holds", () => {
    expect(hasOlderGenerations(ledger({ a: record(2) }))).toBe(false);
    expect(hasOlderGenerations(ledger({ a: record(2, { oldest: 1 }) }))).toBe(true);
  });

  it("is refused where somebody wrote something else into it", () => {
    for (const data of [
      { devices: "nothing" },
      { devices: '{"generation x of 2026-01-01, declared 1": ["a"]}' },
      { devices: '{"generation 1 of 2026-02-31, declared 1": ["a"]}' },
      { devices: "[]" },
      { retired: '{"a": 0}' },
    ]) {
      expect(() => readLedgerData(data as Record<string, string>)).toThrow(/does not have the form/);
    }
  });

  it("keeps 10,000 devices in far less than a ConfigMap holds", () => {
    const devices = Array.from({ length: 10_000 }, (_, i) => [`greenhouse-cam-${i}`, record(1)] as const);
    const data = ledgerData({ devices: new Map(devices), retired: new Map() });
    expect(data.devices!.length).toBeLessThan(250_000);
  });
});

const days = fc.integer({ min: 0, max: 3000 }).map((n) => addDays("2024-01-01", n));
const names = fc.constantFrom("a", "b", "c");

describe("any life of a fleet", () => {
  it("survives being written and read", () => {
    const records = fc.record({
      generation: fc.integer({ min: 1, max: 99 }),
      oldest: fc.integer({ min: 1, max: 99 }),
      declared: fc.integer({ min: 1, max: 99 }),
      issued: days,
    });
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^([a-z]{1,5}\/)?[a-z0-9-]{1,9}$/), records),
        fc.dictionary(fc.stringMatching(/^[a-z0-9-]{1,9}$/), fc.integer({ min: 1, max: 999 })),
        (devices, retired) => {
          const before = {
            devices: new Map(
              Object.entries(devices).map(([key, each]) => [
                key,
                { ...each, oldest: Math.min(each.oldest, each.generation) },
              ]),
            ),
            retired: new Map(Object.entries(retired)),
          };
          expect(readLedgerData(ledgerData(before))).toEqual(before);
        },
      ),
    );
  });

  /** What an update does, and whether it was killed before or after the ledger was written. */
  const step = fc.record({
    declared: fc.dictionary(names, fc.integer({ min: 0, max: 2 })),
    day: fc.integer({ min: 0, max: 400 }),
    seen: fc.dictionary(names, fc.integer({ min: 1, max: 9 })),
    killed: fc.boolean(),
    maxAge: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
  });

  it("never hands out a generation that was retired, and never retires what may be on the board", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let remembered: CredentialLedger = EMPTY_LEDGER;
        let today = "2026-01-01";
        const declaredBefore = new Map<string, number>();
        const dead = new Map<string, number>();
        for (const { declared, day, seen, killed, maxAge } of steps) {
          today = addDays(today, day);
          const wanted = new Map<string, CredentialRecord>();
          for (const [key, raise] of Object.entries(declared)) {
            const generation = (declaredBefore.get(key) ?? 1) + raise;
            declaredBefore.set(key, generation);
            const before = remembered.devices.get(key);
            const given = credentialFor(key, wish(generation, { maxAge }), remembered, today, seen[key]);
            wanted.set(key, given);
            expect(given.generation).toBeGreaterThan(dead.get(key) ?? 0);
            expect(given.oldest).toBeLessThanOrEqual(given.generation);
            // The board holds what was seen last, or, unseen, any that was taken so far.
            if (before) {
              const held =
                seen[key] !== undefined && seen[key] <= before.generation ? seen[key] : before.oldest;
              expect(given.oldest).toBe(Math.max(held, before.oldest));
            }
            // The same again, should the update be repeated before anything is remembered of it.
            expect(credentialFor(key, wish(generation, { maxAge }), remembered, today, seen[key])).toEqual(
              given,
            );
          }
          if (killed) continue;
          for (const [key, { generation }] of remembered.devices) {
            if (!wanted.has(key)) dead.set(key, generation);
          }
          const update = updateLedger([remembered], wanted);
          expect(update.revived).toEqual([]);
          remembered = update.ledger;
        }
      }),
    );
  });
});

it("days are days of the calendar", () => {
  expect(addDays("2028-02-28", 1)).toBe("2028-02-29");
  expect(["2026-02-29", "2026-1-1", "x", "2026-13-01"].map(isDay)).toEqual([false, false, false, false]);
  expect(isDay(TODAY)).toBe(true);
});
