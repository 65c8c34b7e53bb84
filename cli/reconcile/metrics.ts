// The reconciler's and the builders' metrics in Prometheus' text format. Keeps counts in memory.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Happened } from "../../dynamic-providers/tell.ts";
import { KINDS } from "../../model/names.ts";
import type { ObservedObject } from "./observed-objects.ts";

/** Updates of a few devices take seconds, first ones of thousands minutes. */
const UPDATE_BUCKETS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];

/** What is looked at when somebody asks. */
export interface MetricsSource {
  objects(): readonly ObservedObject[];
  isLeading(): boolean;
  isReady(): boolean;
}

const BUILD_RESULTS: Record<string, string> = {
  FirmwareBuilt: "built",
  FirmwareCached: "cached",
  ConfigBuilt: "built",
  ConfigChanged: "built",
  CredentialsRotated: "built",
  Failed: "failed",
};

export class ReconcilerMetrics {
  readonly registry = new Registry();
  readonly #updates = this.#counter("edgeflock_updates_total", "Updates and previews by how they ended.", [
    "operation",
    "result",
  ]);
  readonly #seconds = this.#duration(
    "edgeflock_update_seconds",
    "How long updates and previews took.",
    "operation",
  );
  readonly #lastSuccess = new Gauge({
    name: "edgeflock_last_success_timestamp_seconds",
    help: "When an update ended well last.",
    registers: [this.registry],
  });
  readonly #resources = this.#counter("edgeflock_resources_total", "Resources that updates changed.", [
    "operation",
  ]);
  readonly #statuses = this.#counter(
    "edgeflock_status_writes_total",
    "Objects whose status was written.",
    [],
  );
  readonly #watchFailures = this.#counter("edgeflock_watch_failures_total", "Watches that broke.", ["kind"]);
  readonly #lists = this.#counter("edgeflock_lists_total", "How often a kind was listed whole.", ["kind"]);
  readonly #builds = this.#counter("edgeflock_builds_total", "Firmware builds by how they ended.", [
    "builder",
    "result",
  ]);
  readonly #buildSeconds = this.#duration(
    "edgeflock_build_seconds",
    "How long builds took whose result was not there yet.",
    "builder",
  );
  readonly #configBuilds = this.#counter(
    "edgeflock_config_builds_total",
    "Devices' configuration images by how their builds ended.",
    ["builder", "result"],
  );
  readonly #configBuildSeconds = this.#duration(
    "edgeflock_config_build_seconds",
    "How long a device's configuration image took, with waiting for the others of its batch.",
    "builder",
  );
  readonly #devices = this.#counter("edgeflock_device_events_total", "What happened to devices.", ["reason"]);

  constructor(source: MetricsSource) {
    collectDefaultMetrics({ register: this.registry });
    this.#gauge("edgeflock_leader", "1 where this replica is the one that works.", () =>
      Number(source.isLeading()),
    );
    this.#gauge("edgeflock_ready", "1 where all kinds are watched.", () => Number(source.isReady()));
    const { registry } = this;
    new Gauge({
      name: "edgeflock_objects",
      help: "Objects of the four kinds by their condition Ready.",
      labelNames: ["kind", "ready"],
      registers: [registry],
      collect() {
        this.reset();
        for (const kind of KINDS)
          for (const ready of ["True", "False", "Unknown"]) this.set({ kind, ready }, 0);
        for (const { kind, status } of source.objects()) {
          const condition = status?.conditions?.find(({ type }) => type === "Ready");
          this.inc({ kind, ready: condition?.status ?? "Unknown" });
        }
      },
    });
  }

  ran(
    operation: "update" | "preview",
    result: string,
    seconds: number,
    changes: Record<string, number>,
  ): void {
    this.#updates.inc({ operation, result });
    this.#seconds.observe({ operation }, seconds);
    if (operation === "preview") return;
    if (result === "well") this.#lastSuccess.setToCurrentTime();
    for (const [op, count] of Object.entries(changes)) this.#resources.inc({ operation: op }, count);
  }

  happened({ kind, reason, builder, seconds }: Happened & { kind: string }): void {
    const isDevice = kind === "Device";
    if (isDevice) this.#devices.inc({ reason });
    const result = BUILD_RESULTS[reason];
    // of a device, what names no builder was told beside its build, or is about no build
    if (result === undefined || (isDevice && builder === undefined)) return;
    const labels = { builder: builder ?? "unknown" };
    (isDevice ? this.#configBuilds : this.#builds).inc({ ...labels, result });
    const histogram = isDevice ? this.#configBuildSeconds : this.#buildSeconds;
    if (seconds !== undefined) histogram.observe(labels, seconds);
  }

  wroteStatuses(count: number): void {
    this.#statuses.inc(count);
  }

  listed(kind: string): void {
    this.#lists.inc({ kind });
  }

  watchFailed(kind: string): void {
    this.#watchFailures.inc({ kind });
  }

  #duration<L extends string>(name: string, help: string, label: L): Histogram<L> {
    const labelNames = [label];
    return new Histogram({ name, help, labelNames, buckets: UPDATE_BUCKETS, registers: [this.registry] });
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
      },
    });
  }
}
