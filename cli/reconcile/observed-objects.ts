// The objects of the four kinds as the watches last saw them, and whether something changed that an update is about.
// Holds them in memory; touches nothing.
import { type DeclaredObject, objectPlace } from "../../model/load-objects.ts";
import type { Status } from "./conditions.ts";

/** Set it on a DevicesCluster to the id of the preview in its status: in dry-run mode nothing is updated without. */
export const APPROVE_ANNOTATION = "edgeflock.io/approve";

export interface ObservedObject extends DeclaredObject {
  metadata: DeclaredObject["metadata"] & {
    uid: string;
    generation: number;
    annotations?: Record<string, string>;
  };
  status?: Status;
}

export class ObservedObjects {
  readonly #objects = new Map<string, ObservedObject>();
  readonly #listeners = new Set<() => void>();
  #version = 0;

  /** Another number whenever something changed that an update is about. Our own writes of `status` leave it alone. */
  get version(): number {
    return this.#version;
  }

  /** Calls `listener` at each such change; gives back what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  put(object: ObservedObject): void {
    const place = objectPlace(object);
    const before = this.#objects.get(place);
    this.#objects.set(place, object);
    if (before === undefined || relevant(before) !== relevant(object)) this.#changed();
  }

  remove(object: Pick<ObservedObject, "kind" | "metadata">): void {
    if (this.#objects.delete(objectPlace(object))) this.#changed();
  }

  /** As last seen: later changes are other objects. */
  all(): ObservedObject[] {
    return [...this.#objects.values()];
  }

  get(place: string): ObservedObject | undefined {
    return this.#objects.get(place);
  }

  get size(): number {
    return this.#objects.size;
  }

  #changed(): void {
    this.#version++;
    for (const listener of this.#listeners) listener();
  }
}

/** The generation counts changes of `spec`; labels decide which groups a device belongs to, and are not counted. */
function relevant({ metadata }: ObservedObject): string {
  const { uid, generation, labels = {}, deletionTimestamp, annotations } = metadata;
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([uid, generation, sorted, deletionTimestamp, annotations?.[APPROVE_ANNOTATION]]);
}
