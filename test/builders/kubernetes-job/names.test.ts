import { expect, it } from "vitest";
import { firmwareJobName, nameForStore } from "../../../builders/kubernetes-job/names.ts";

it("names a build's Job by its content, and by the place that its result is sent to", () => {
  const build = firmwareJobName("5".repeat(64));
  const name = (url: string) => nameForStore(build, url);
  const one = name("https://s3.example/bucket/uploads/x.tar.gz?X-Amz-Date=1");
  expect(one).toBe(name("https://s3.example/bucket/uploads/x.tar.gz?X-Amz-Date=2"));
  expect(one).not.toBe(name("https://s3.example/other/uploads/x.tar.gz?X-Amz-Date=1"));
  expect(one).not.toBe(build);
  // what is named after it still fits: `<job>-source-63`
  expect(one).toMatch(/^[a-z0-9-]{1,50}$/);
});
