// The firmware builders by name. Touches nothing.
import type { LoadOptions } from "../model/load-manifests.ts";
import { suggest } from "../model/suggest.ts";
import { VisibleError } from "../model/visible-error.ts";
import { commandBuilder } from "./command/builder.ts";
import type { FirmwareBuilder, SensorRequest } from "./contract.ts";
import { espIdfBuilder } from "./esp-idf/builder.ts";
import { espRsBuilder } from "./esp-rs/builder.ts";
import { esp32Builder } from "./esp32/builder.ts";
import { nativeBuilder } from "./native/builder.ts";
import { prebuiltBuilder } from "./prebuilt/builder.ts";

export const FIRMWARE_BUILDERS: readonly FirmwareBuilder[] = [
  nativeBuilder,
  esp32Builder,
  espIdfBuilder,
  espRsBuilder,
  prebuiltBuilder,
  commandBuilder,
];

/** What the builder of a class says of one of its sensors. */
function sensorProblem(
  builder: { name: string; args: Record<string, unknown> },
  sensor: SensorRequest,
): string | undefined {
  const found = FIRMWARE_BUILDERS.find((one) => one.name === builder.name);
  return found?.sensorProblem?.(sensor, builder.args);
}

/** What builders know about manifests, for whoever loads them. */
export const LOAD_OPTIONS: LoadOptions = {
  firmwareBuilders: FIRMWARE_BUILDERS.map(({ name }) => name),
  sensorProblem,
};

/** @throws VisibleError that names the builders there are */
export function builderNamed(name: string): FirmwareBuilder {
  const builder = FIRMWARE_BUILDERS.find((one) => one.name === name);
  if (builder) return builder;
  const names = FIRMWARE_BUILDERS.map((one) => one.name);
  const meant = suggest(name, names);
  throw new VisibleError(
    `there is no firmware builder "${name}"${meant ? `; did you mean "${meant}"?` : ""}`,
    {
      hint: `builders are ${names.join(", ")}; docs/builders.md describes them`,
    },
  );
}
