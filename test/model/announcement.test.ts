import fc from "fast-check";
import { expect, test } from "vitest";
import { announcementText, announcementTopic, readAnnouncement } from "../../model/announcement.ts";

const SAID = { device: "cam-001", class: "esp32-cam", firmware: "1.4.2", config: "0123456789abcdef", gen: 2 };
const said = (change: object) => JSON.stringify({ ...SAID, ...change });

test("stands below the device's own topic, where its credential may write", () => {
  expect(announcementTopic("greenhouse/cam-001")).toBe("greenhouse/cam-001/$edgeflock");
});

test("is read as it was written", () => {
  expect(announcementText(SAID)).toBe(
    '{"device":"cam-001","class":"esp32-cam","firmware":"1.4.2","config":"0123456789abcdef","gen":2}',
  );
  expect(readAnnouncement(Buffer.from(announcementText(SAID)), ["cam-001"])).toEqual(SAID);
});

test("may hold more than we know, and what we do not know is left out", () => {
  expect(readAnnouncement(said({ uptime: 5, __proto__: { gen: 9 } }), ["cam-001"])).toEqual(SAID);
});

test("of a renamed device may bear a former name, and no other device's", () => {
  expect(readAnnouncement(announcementText(SAID), ["cam-north", "cam-001"])?.device).toBe("cam-001");
  expect(readAnnouncement(announcementText(SAID), ["cam-002"])).toBeUndefined();
});

test.each([
  ["a name with a line break", said({ class: "a\nb" })],
  ["a firmware that would write to the terminal", said({ firmware: "\u001b[31mred" })],
  ["a firmware without an end", said({ firmware: "1".repeat(65) })],
  ["a digest that is none", said({ config: "latest" })],
  ["a generation as text", said({ gen: "2" })],
  ["a broken generation", said({ gen: 1.5 })],
  ["generation nought", said({ gen: 0 })],
  ["a field that is missing", said({ gen: undefined })],
  ["a list", `[${announcementText(SAID)}]`],
  ["nothing, which deletes it", ""],
  ["no JSON", "cam-001"],
  ["too much", said({ more: "x".repeat(4000) })],
])("is refused with %s", (_, text) => {
  expect(readAnnouncement(text, ["cam-001"])).toBeUndefined();
});

test("that is hostile is refused without an exception", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 3000 }), fc.json(), fc.string()), (payload) => {
      expect(readAnnouncement(payload, ["cam-001"])).toBeUndefined();
    }),
  );
});
