import { expect, it } from "vitest";
import { mostUnderWay, RegistrationWindow } from "../../components/registration-window.ts";

it("has room for as many registrations as the engine works on at once, and for a hundred at least", async () => {
  expect(mostUnderWay({})).toBe(100);
  expect(mostUnderWay({ PULUMI_NODEJS_PARALLEL: "8" })).toBe(100);
  expect(mostUnderWay({ PULUMI_NODEJS_PARALLEL: "500" })).toBe(500);

  const window = new RegistrationWindow(1);
  const answer = Promise.withResolvers<void>();
  await window.room();
  window.add({ urn: { promise: () => answer.promise } } as never);
  let entered = false;
  const next = window.room().then(() => {
    entered = true;
  });
  await Promise.resolve();
  expect(entered).toBe(false);
  answer.reject(new Error("the engine tells of it"));
  await next;
});
