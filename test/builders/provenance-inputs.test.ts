import { describe, expect, it } from "vitest";
import { resolvedDependencies } from "../../builders/provenance-inputs.ts";
import { makeSbom } from "../../builders/sbom.ts";
import { request } from "./support.ts";

const HEX = "ab".repeat(32);
const COMMIT = "0123456789".repeat(4);

describe("what went into a build", () => {
  it("has a source in git by its URL and commit", () => {
    const git = { url: "https://git.example/camera.git", commit: COMMIT, path: "firmware" };
    const asked = request("/project", { name: "esp-idf", git });
    expect(resolvedDependencies({ request: asked, parts: {} })).toEqual([
      {
        ...{ name: "source", uri: `git+https://git.example/camera.git@${COMMIT}#firmware` },
        digest: { gitCommit: COMMIT },
      },
    ]);
  });

  it("has the container's image by its digest, named or not, and then no toolchain of this machine", () => {
    const of = (image: string) => {
      const asked = { ...request("/project", { name: "command" }), container: { image } };
      return resolvedDependencies({ request: asked, parts: { toolchain: "gcc 14" } });
    };
    const digest = { sha256: HEX };
    expect(of(`registry.example:5000/idf@sha256:${HEX}`)).toEqual([
      { name: "container image", uri: "registry.example:5000/idf", digest },
    ]);
    expect(of(`sha256:${HEX}`)).toEqual([{ name: "container image", digest }]);
  });

  it("has toolchain and libraries as far as they are known", () => {
    const libraries = [
      { name: "esp-hal", version: "1.2.0", purl: "pkg:cargo/esp-hal@1.2.0", sha256: HEX },
      { name: "mbedtls", version: "3.6.3", from: { purl: "pkg:pypi/carrier@1", sha256: HEX } },
      { name: "libstdc++", version: "14" },
    ];
    const bom = makeSbom({ name: "x", version: "1", images: new Map(), libraries });
    const found = resolvedDependencies({
      ...{ request: request("/project", { name: "native" }), parts: { toolchain: "g++ 14" } },
      ...{ sourceDigest: HEX, bom: Buffer.from(bom).toString() },
    });
    expect(found).toEqual([
      { name: "source", digest: { sha256: HEX } },
      { name: "toolchain", uri: "urn:edgeflock:toolchain:g%2B%2B%2014", annotations: { version: "g++ 14" } },
      { name: "esp-hal", uri: "pkg:cargo/esp-hal@1.2.0", digest: { sha256: HEX } },
      { name: "mbedtls", uri: "pkg:pypi/carrier@1", digest: { sha256: HEX } },
    ]);
  });
});
