// What a DevicesCluster knows of its classes, groups and devices: finds the groups of a device, and refuses
// what comes too late to be counted. Pure.

import type { Layer } from "../model/resolve.ts";
import type { Selector } from "../model/schema.ts";
import { type GroupIndex, indexGroups } from "../model/selectors.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { SecretInput } from "./secret-values.ts";

export interface RegisteredGroup {
  name: string;
  selector: Selector;
  layer: Layer<SecretInput>;
}

export class FleetRegistry<Class> {
  readonly #classes = new Map<string, Class>();
  readonly #groups = new Map<string, RegisteredGroup>();
  readonly #devices = new Set<string>();
  #index: GroupIndex<RegisteredGroup> | undefined;

  addClass(name: string, deviceClass: Class): void {
    refuseTwice("DeviceClass", name, this.#classes.has(name));
    this.#classes.set(name, deviceClass);
  }

  /** @throws VisibleError after the first device: that device was resolved without this group */
  addGroup(group: RegisteredGroup): void {
    refuseTwice("DeviceGroup", group.name, this.#groups.has(group.name));
    if (this.#index) {
      throw new VisibleError(
        `DeviceGroup "${group.name}" is declared after the first Device, whose settings were resolved without it.`,
        { hint: "Declare all groups of a DevicesCluster before its devices." },
      );
    }
    this.#groups.set(group.name, group);
  }

  addDevice(name: string): void {
    refuseTwice("Device", name, this.#devices.has(name));
    this.#devices.add(name);
  }

  /** @throws VisibleError for a class that is not declared, or not yet */
  class(name: string, device: string): Class {
    const found = this.#classes.get(name);
    if (found) return found;
    throw new VisibleError(
      `Device "${device}" refers to the DeviceClass "${name}", which is not declared before it.`,
      {
        hint: `Classes so far: ${[...this.#classes.keys()].join(", ") || "none"}.`,
      },
    );
  }

  /** The layers of the groups that select these labels. From the first call on no group can be added. */
  groupLayers(labels: Record<string, string>): Layer<SecretInput>[] {
    this.#index ??= indexGroups([...this.#groups.values()], (group) => group.selector);
    return this.#index.for(labels).map((group) => group.layer);
  }
}

function refuseTwice(kind: string, name: string, there: boolean): void {
  if (there) throw new VisibleError(`There are two ${kind}s named "${name}" in one DevicesCluster.`);
}
