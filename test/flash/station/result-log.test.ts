import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ResultEntry, ResultLog, readResults } from "../../../flash/station/result-log.ts";
import { VisibleError } from "../../../model/visible-error.ts";

const ENTRY: ResultEntry = {
  time: "2026-11-24T10:00:00Z",
  outcome: "flashed",
  who: "ann",
  port: "/dev/ttyUSB0",
  mac: "24:0a:c4:00:00:01",
  device: "cam-001",
  class: "esp32-cam",
  cluster: "greenhouse",
  namespace: "greenhouse",
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "edgeflock-log-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("the station's result log", () => {
  it("holds one line of JSON for each result, and is added to by the next station", () => {
    const path = join(folder, "deep", "log.jsonl");
    for (const device of ["cam-001", "cam-002"]) {
      const log = new ResultLog(path);
      log.add({ ...ENTRY, device });
      log.close();
    }
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(3);
    expect(readResults(path).map(({ device }) => device)).toEqual(["cam-001", "cam-002"]);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it("passes over a line that a power cut left half-written, and begins a new one after it", () => {
    const path = join(folder, "log.jsonl");
    const first = new ResultLog(path);
    first.add(ENTRY);
    first.close();
    appendFileSync(path, '{"outcome":"fla');
    const second = new ResultLog(path);
    second.add({ ...ENTRY, device: "cam-003" });
    second.close();
    expect(readResults(path).map(({ device }) => device)).toEqual(["cam-001", "cam-003"]);
  });

  it("is empty where there is none, and cannot be a folder", () => {
    expect(readResults(join(folder, "none"))).toEqual([]);
    expect(() => new ResultLog(folder)).toThrow(VisibleError);
    expect(() => new ResultLog(folder)).toThrow(/cannot be opened/);
  });
});
