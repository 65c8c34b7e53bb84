// The Pulumi program: loads the stack's manifests, declares the fleet, exports its outputs.
// A project of your own gets the same with `export * from "edgeflock/program"` in its index.ts.
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { FIRMWARE_BUILDERS, sensorProblem } from "./builders/builders.ts";
import { declareFleet } from "./components/index.ts";
import { reportable } from "./components/visible.ts";
import { withoutSecretsInDebugLog } from "./components/without-secrets-in-debug-log.ts";
import { withoutStackTraces } from "./components/without-stack-traces.ts";
import { atConfiguredBroker } from "./model/embedded-broker.ts";
import { loadManifests } from "./model/load-manifests.ts";
import { readManifestFiles } from "./model/read-manifest-files.ts";

withoutStackTraces();
withoutSecretsInDebugLog();
const config = new pulumi.Config("edgeflock");
const folder = config.get("manifests") ?? join("stacks", pulumi.getStack());
const firmwareBuilders = FIRMWARE_BUILDERS.map(({ name }) => name);
const fleet = await reportable(async () => {
  const documents = loadManifests(readManifestFiles(folder), { firmwareBuilders, sensorProblem });
  return declareFleet(atConfiguredBroker(documents, config.get("broker"), process.cwd()));
});

/** One POSIX shell script a device class: `pulumi stack output flashScripts --json`. */
export const flashScripts = fleet.flashScripts;
/** A kubeconfig for each role of each DevicesCluster: `pulumi stack output kubeconfigs --show-secrets --json`. */
export const kubeconfigs = fleet.kubeconfigs;
export const clusters = fleet.clusters;
