import { describe, expect, it } from "vitest";
import { isAway, patiently } from "../../../builders/kubernetes-job/patience.ts";
import { KubernetesError } from "../../../kubernetes/api.ts";
import { VisibleError } from "../../../model/visible-error.ts";

const api = (status: number) => new KubernetesError(status, "", "no");
const network = (code: string) => Object.assign(new Error(code), { code });
const store = (cause: object) => new VisibleError("cannot read", { cause });
const MINUTE = 60_000;

describe("a server that does not do what it should", () => {
  it.each([
    ["throttles", api(429)],
    ["has no time", api(503)],
    ["refuses connections", network("ECONNREFUSED")],
    ["breaks off", network("ECONNRESET")],
    ["is a store that fails", store(Object.assign(new Error(), { $metadata: { httpStatusCode: 503 } }))],
    ["is a store that cannot be reached", store(network("ETIMEDOUT"))],
    ["did not answer in time", Object.assign(new Error(), { name: "TimeoutError" })],
  ])("is away for a quarter of an hour where it %s", (_, error) => {
    expect([isAway(error, 14 * MINUTE), isAway(error, 16 * MINUTE)]).toEqual([true, false]);
  });

  it("may not know for a moment who may do what", () => {
    expect([isAway(api(403), 1000), isAway(api(403), MINUTE)]).toEqual([true, false]);
  });

  it.each([
    ["says that it never will", api(422)],
    ["is a store that denies", store(Object.assign(new Error(), { $metadata: { httpStatusCode: 404 } }))],
    ["has no certificate to trust", network("CERT_HAS_EXPIRED")],
    ["is this machine's disk", network("ENOSPC")],
    ["made no sense", new VisibleError("damaged")],
  ])("is not away where it %s", (_, error) => expect(isAway(error, 0)).toBe(false));

  it("is asked until it answers, and the person is told", async () => {
    const answers = [api(503), network("ECONNREFUSED")];
    const notes: string[] = [];
    const attempt = async () => {
      const error = answers.shift();
      if (error) throw error;
      return "done";
    };
    const signal = new AbortController().signal;
    expect(await patiently("the store", attempt, { signal, note: (text) => notes.push(text) })).toBe("done");
    expect(notes).toEqual(Array(2).fill("the store does not answer; the Job goes on"));
  });
});
