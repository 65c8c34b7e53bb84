import { describe, expect, it } from "vitest";
import { cargoLibraries, espIdfLibraries, platformioLibraries } from "../../builders/libraries.ts";

describe("the libraries of a source tree", () => {
  it("knows the crates of a Cargo.lock that come from a registry", () => {
    const lock = `version = 4

[[package]]
name = "mine"
version = "0.1.0"
dependencies = [
 "esp-hal",
]

[[package]]
name = "esp-hal"
version = "1.2.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "${"ab".repeat(32)}"
`;
    expect(cargoLibraries(lock)).toEqual([
      {
        name: "esp-hal",
        version: "1.2.0",
        purl: "pkg:cargo/esp-hal@1.2.0",
        sha256: "ab".repeat(32),
      },
    ]);
  });

  it("knows the libraries of a platformio.ini", () => {
    const ini = `[env:esp32]
platform = espressif32@6.9.0
lib_deps =
  knolleary/PubSubClient@^2.8
  bblanchon/ArduinoJson @ ~7.1.0 ; json
  ; commented/out
  \${common.lib_deps}
  OneWire
build_flags =
  -DX=1
`;
    expect(platformioLibraries(ini)).toEqual([
      { name: "knolleary/PubSubClient", version: "2.8" },
      { name: "bblanchon/ArduinoJson", version: "7.1.0" },
      { name: "OneWire" },
    ]);
  });

  it("knows the components of ESP-IDF's dependencies.lock, and ESP-IDF itself", () => {
    const hash = "46".repeat(32);
    const lock = `dependencies:
  espressif/mdns:
    component_hash: ${hash}
    source: { service_url: "", type: service }
    version: 1.2.0
  idf:
    component_hash: null
    source: { type: idf }
    version: 5.5.1
manifest_hash: ${hash}
target: esp32s3
version: 1.0.0
`;
    expect(espIdfLibraries(lock)).toEqual([
      { name: "espressif/mdns", version: "1.2.0", sha256: hash },
      { name: "esp-idf", version: "5.5.1", purl: "pkg:github/espressif/esp-idf@v5.5.1" },
    ]);
    expect(espIdfLibraries("")).toEqual([]);
    expect(espIdfLibraries("{ not: yaml")).toEqual([]);
  });
});
