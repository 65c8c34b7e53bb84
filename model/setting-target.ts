// Where a setting goes: its namespace and key in NVS, its key in the device's Secret. Pure; touches nothing.
import { DEVICE_SECRET_KEYS, RESERVED_NVS_NAMESPACES } from "./names.ts";
import { NVS_NAME_MAX, type NvsType } from "./nvs-type.ts";
import { formatPath } from "./problem.ts";

/** An entry of a mapping: where one setting goes. */
export interface MappingEntry {
  setting: string;
  namespace?: string | undefined;
  key?: string | undefined;
  type?: NvsType | undefined;
  /** Also put the value under this key of the device's Kubernetes Secret. */
  secretKey?: string | undefined;
}

export interface NvsTarget {
  namespace: string;
  key: string;
  type: NvsType;
}

type Destination = { namespace: string; key: string } | { namespace: undefined } | { problem: string };

/**
 * The NVS namespace and key of a setting: as mapped, else what stands before and after its first dot.
 * A key without a dot and without a mapping has none.
 */
export function destination(setting: string, entry: MappingEntry | undefined): Destination {
  const dot = setting.indexOf(".");
  const namespace = entry?.namespace ?? (dot < 0 ? undefined : setting.slice(0, dot));
  const key = entry?.key ?? (dot < 0 ? undefined : setting.slice(dot + 1));
  if (namespace === undefined || key === undefined) {
    if (namespace !== key || entry?.type !== undefined) {
      return {
        problem: `its mapping needs a namespace and a key: "${setting}" has no dot to take them from`,
      };
    }
    return { namespace: undefined };
  }
  const problem =
    nameProblem("namespace", namespace) ?? nameProblem("key", key) ?? reservedProblem(namespace);
  return problem === undefined ? { namespace, key } : { problem };
}

function nameProblem(what: string, name: string): string | undefined {
  if (name.length <= NVS_NAME_MAX && name !== "") return undefined;
  return `"${name}" has ${name.length} characters, an NVS ${what} 1 to ${NVS_NAME_MAX}; give the setting a mapping with a shorter one`;
}

function reservedProblem(namespace: string): string | undefined {
  if (!RESERVED_NVS_NAMESPACES.some((reserved) => reserved === namespace)) return undefined;
  return `the NVS namespace "${namespace}" is Edgeflock's own; map the setting to another`;
}

interface Placed {
  key: string;
  target?: NvsTarget;
  secretKey?: string;
}

/** Two settings that go to one place, and places that are Edgeflock's own. */
export function checkDestinations<T extends Placed, At>(
  settings: readonly T[],
  where: (setting: T) => { at: At; segments: (string | number)[] },
): { path: string; segments: (string | number)[]; at: At; message: string }[] {
  const problems: { path: string; segments: (string | number)[]; at: At; message: string }[] = [];
  const nvs = new Map<string, string>();
  const secretKeys = new Map<string, string>();
  const report = (setting: T, message: string) => {
    const place = where(setting);
    problems.push({ ...place, path: formatPath(place.segments), message });
  };
  for (const setting of settings) {
    if (setting.target) {
      const place = `${setting.target.namespace}/${setting.target.key}`;
      const other = nvs.get(place);
      if (other === undefined) nvs.set(place, setting.key);
      else
        report(
          setting,
          `"${setting.key}" and "${other}" both go to NVS key ${place}; map one of them elsewhere`,
        );
    }
    if (setting.secretKey !== undefined) {
      const other = secretKeys.get(setting.secretKey);
      if (other !== undefined) {
        report(
          setting,
          `"${setting.key}" and "${other}" both go to key ${setting.secretKey} of the device's Secret`,
        );
      } else if (DEVICE_SECRET_KEYS.some((key) => key === setting.secretKey)) {
        report(
          setting,
          `key ${setting.secretKey} of the device's Secret is Edgeflock's own; choose another secretKey`,
        );
      }
      secretKeys.set(setting.secretKey, setting.key);
    }
  }
  return problems;
}
