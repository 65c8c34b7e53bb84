// Layers for tests of resolving.
import { expect } from "vitest";
import type { PlainValue } from "../../model/nvs-type.ts";
import { type Layer, type Layers, resolveSettings } from "../../model/resolve.ts";

export type L = Layer<string>;

export function layer(
  kind: L["kind"],
  name: string,
  settings: Record<string, PlainValue> = {},
  more: Partial<L> = {},
): L {
  return { kind, name, settings, secrets: {}, ...more };
}

export function layers(parts: {
  cluster?: Partial<L>;
  class?: Partial<L>;
  groups?: L[];
  device?: Partial<L>;
}): Layers<string> {
  return {
    cluster: { ...layer("DevicesCluster", "site"), ...parts.cluster },
    class: { ...layer("DeviceClass", "node"), ...parts.class },
    groups: parts.groups ?? [],
    device: { ...layer("Device", "fern-01"), ...parts.device },
  };
}

/** Settings by key; expects no problem. */
export function resolved(input: Layers<string>) {
  const { settings, problems } = resolveSettings(input);
  expect(problems).toEqual([]);
  return Object.fromEntries(settings.map((setting) => [setting.key, setting]));
}
