import { describe, expect, it } from "vitest";
import { asApplied } from "../../kubernetes/field-ownership.ts";

const fields = (...names: string[]) => ({
  "f:data": Object.fromEntries(names.map((name) => [`f:${name}`, {}])),
});
const entry = (manager: string, operation: string, ...names: string[]) => ({
  manager,
  operation,
  apiVersion: "v1",
  fieldsType: "FieldsV1",
  fieldsV1: fields(...names),
});

describe("fields that a manager created", () => {
  it("become applied ones, so that a later apply can take them away", () => {
    const others = entry("kubectl", "Update", "theirs");
    expect(asApplied([entry("ours", "Update", "a", "b"), others], "ours")).toEqual([
      others,
      entry("ours", "Apply", "a", "b"),
    ]);
  });

  it("are joined with those that it applied", () => {
    const managed = [entry("ours", "Apply", "a"), entry("ours", "Update", "a", "b")];
    expect(asApplied(managed, "ours")).toEqual([entry("ours", "Apply", "a", "b")]);
  });

  it("are left alone where there are none, and in subresources", () => {
    expect(asApplied([entry("ours", "Apply", "a"), entry("kubectl", "Update", "b")], "ours")).toBeUndefined();
    expect(asApplied([{ ...entry("ours", "Update", "a"), subresource: "status" }], "ours")).toBeUndefined();
  });
});
