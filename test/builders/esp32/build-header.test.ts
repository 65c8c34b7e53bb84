import { describe, expect, it } from "vitest";
import { buildHeader } from "../../../builders/esp32/build-header.ts";

const BUILD = { board: "native", chip: "esp32", version: "1.2.3", configLabel: "cfg" };

describe("edgeflock_build.h", () => {
  it("tells version, board, chip, configuration partition and sensors", () => {
    const sensors = [
      { name: "soil", driver: "ds18b20", unit: "°C" },
      { name: "air", driver: "dht22" },
    ];
    expect(buildHeader({ ...BUILD, sensors })).toBe(
      `// Made by the builder.
#pragma once
#define EDGEFLOCK_BOARD "native"
#define EDGEFLOCK_CHIP "esp32"
#define EDGEFLOCK_VERSION "1.2.3"
#define EDGEFLOCK_CONFIG_LABEL "cfg"
#define EDGEFLOCK_SENSORS(X) X("soil", ds18b20, "\\302\\260C") X("air", dht22, "")
`,
    );
  });

  it("lets no text out of its quotes", () => {
    const header = buildHeader({ ...BUILD, version: '1"\\\n#define X', sensors: [] });
    expect(header).toContain('#define EDGEFLOCK_VERSION "1\\042\\134\\012#define X"');
  });

  it("refuses every sensor without a driver, and those that this board cannot have", () => {
    const sensors = [
      { name: "a", driver: "ds18b2O" },
      { name: "b", driver: "toString" },
      { name: "c", driver: "gnss" },
    ];
    const refused = () => buildHeader({ ...BUILD, sensors });
    expect(refused).toThrow(/sensor "a": there is no driver "ds18b2O"; did you mean "ds18b20"\?/);
    expect(refused).toThrow(/sensor "b": there is no driver "toString"/);
    expect(refused).toThrow(/sensor "c": driver "gnss" needs the board sim7600, not native/);
  });
});
