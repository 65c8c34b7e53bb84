// What a DevicesCluster knows of its classes, groups and devices: finds the groups of a device, and refuses
// what comes too late to be counted.
import * as pulumi from "@pulumi/pulumi";
import type { CredentialRecord } from "../model/credential-ledger.ts";
import type { Place } from "../model/former-names.ts";
import type { Layer } from "../model/resolve.ts";
import type { Selector } from "../model/schema.ts";
import { type GroupIndex, indexGroups } from "../model/selectors.ts";
import { VisibleError } from "../model/visible-error.ts";
import type { Eventually } from "./eventually.ts";
import type { SecretInput } from "./secret-values.ts";

export interface RegisteredGroup {
  name: string;
  selector: Selector;
  layer: Layer<SecretInput>;
}

/** What the rights of a device hang on. */
export interface RegisteredDevice {
  name: string;
  /** Its oldest name, which its MQTT user and topic go by. */
  original: Place;
  /** Its former names in this namespace. */
  former: string[];
  className: string;
  groups: string[];
  /** Where its board is flashed by updates. */
  port?: string | undefined;
  credentials: Eventually<CredentialRecord>;
}

export class FleetRegistry<Class> {
  readonly #classes = new Map<string, Class>();
  readonly #groups = new Map<string, RegisteredGroup>();
  readonly #resources: pulumi.Resource[] = [];
  readonly #devices = new Map<string, RegisteredDevice>();
  /** Whose board is at it. */
  readonly #ports = new Map<string, string>();
  #index: GroupIndex<RegisteredGroup> | undefined;
  #sealedBy: string | undefined;

  addClass(name: string, deviceClass: Class): void {
    refuseTwice("DeviceClass", name, this.#classes.has(name));
    this.#refuseLate("DeviceClass", name);
    this.#classes.set(name, deviceClass);
  }

  /** @throws VisibleError after the first device: that device was resolved without this group */
  addGroup(group: RegisteredGroup): void {
    refuseTwice("DeviceGroup", group.name, this.#groups.has(group.name));
    this.#refuseLate("DeviceGroup", group.name);
    if (this.#index) {
      throw new VisibleError(
        `DeviceGroup "${group.name}" is declared after the first Device, whose settings were resolved without it.`,
        { hint: "Declare all groups of a DevicesCluster before its devices." },
      );
    }
    this.#groups.set(group.name, group);
  }

  addDevice(device: RegisteredDevice): void {
    refuseTwice("Device", device.name, this.#devices.has(device.name));
    this.#refuseLate("Device", device.name);
    this.#takePort(device);
    this.#devices.set(device.name, device);
  }

  #takePort({ name, port }: RegisteredDevice): void {
    if (port === undefined) return;
    const other = this.#ports.get(port);
    if (other) throw new VisibleError(`Devices "${other}" and "${name}" have one port, ${port}.`);
    this.#ports.set(port, name);
  }

  /** The resource behind a device, once it is declared. */
  noteResource(resource: pulumi.Resource): void {
    this.#resources.push(resource);
  }

  /**
   * Resolves when every device that was declared so far is as it should be (in a preview: may become so). Never where
   * one was refused; the program ends then. No dependency on any of them: for 10,000 that would be a megabyte of state.
   */
  devicesWritten(): Promise<void> {
    const urns = this.#resources.map(({ urn }) => urn);
    return new Promise((resolve) => void pulumi.all(urns).apply(() => resolve()));
  }

  get classes(): [name: string, deviceClass: Class][] {
    return [...this.#classes];
  }

  get devices(): RegisteredDevice[] {
    return [...this.#devices.values()];
  }

  /**
   * From here on nothing can be added.
   *
   * @param by what counts on that, for messages
   * @throws VisibleError where it was sealed before
   */
  seal(by: string): void {
    if (this.#sealedBy !== undefined) {
      throw new VisibleError(`The DevicesCluster has ${this.#sealedBy} already.`, {
        hint: "Declare one FleetAccess for each DevicesCluster.",
      });
    }
    this.#sealedBy = by;
  }

  #refuseLate(kind: string, name: string): void {
    if (this.#sealedBy === undefined) return;
    throw new VisibleError(
      `${kind} "${name}" is declared after ${this.#sealedBy}, which was made without it.`,
      {
        hint: "Declare FleetAccess after all classes, groups and devices of its DevicesCluster.",
      },
    );
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
