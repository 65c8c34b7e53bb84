import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { makeSbom, readSbom } from "../../builders/sbom.ts";

/** CycloneDX's own schema, as its library carries it. */
function cycloneDx() {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve("@cyclonedx/cyclonedx-library/package.json")),
    "res/schema",
  );
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const name of ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"])
    ajv.addSchema({ ...read(name), $id: `http://cyclonedx.org/schema/${name}` });
  return ajv.compile(read("bom-1.6.SNAPSHOT.schema.json"));
}

const facts = {
  name: "camera",
  version: "1.4",
  images: new Map([["app.bin", new Uint8Array(10)]]),
  libraries: [
    { name: "esp-hal", version: "1.2.0", purl: "pkg:cargo/esp-hal@1.2.0", sha256: "ab".repeat(32) },
    { name: "knolleary/PubSubClient" },
    { name: "mbedtls", version: "3.6.3", from: { purl: "pkg:pypi/pynng@0.9.0", sha256: "cd".repeat(32) } },
    { name: "mbedtls", version: "2.28.7", files: [{ name: "libmbedtls.a", sha256: "ef".repeat(32) }] },
  ],
};

describe("the bill of materials", () => {
  it("is CycloneDX 1.6 by its own schema, and the same each time", () => {
    const validate = cycloneDx();
    const bom = JSON.parse(Buffer.from(makeSbom(facts)).toString());
    expect(validate(bom), JSON.stringify(validate.errors)).toBe(true);
    expect(Buffer.from(makeSbom(facts)).equals(makeSbom(facts))).toBe(true);
    // a test of the test: the schema does refuse
    expect(validate({ ...bom, components: [{ name: "no type" }] })).toBe(false);
  });

  it("is the builder's own where it wrote one, without what differs from build to build", () => {
    const own = {
      bomFormat: "CycloneDX",
      specVersion: "1.5",
      serialNumber: "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
      metadata: { timestamp: "2026-01-01T00:00:00Z", tools: { components: [] } },
      components: [],
    };
    expect(JSON.parse(Buffer.from(readSbom(Buffer.from(JSON.stringify(own)))).toString())).toEqual({
      bomFormat: "CycloneDX",
      specVersion: "1.5",
      metadata: { tools: { components: [] } },
      components: [],
    });
  });

  it.each([
    ["{", "cannot be used"],
    ["null", "no bomFormat"],
    ['{"spdxVersion":"SPDX-2.3"}', "no bomFormat"],
    ['{"bomFormat":"CycloneDX","specVersion":"9"}', "version 9"],
  ])("that a builder wrote wrongly is refused: %s", (text, message) => {
    expect(() => readSbom(Buffer.from(text))).toThrow(message);
  });
});
