// The Pulumi program: loads what the stack declares, declares the fleet, exports its outputs.
// A project of your own gets the same with `export * from "edgeflock/program"` in its index.ts.
import * as pulumi from "@pulumi/pulumi";
import { LOAD_OPTIONS } from "./builders/builders.ts";
import { declareFleet } from "./components/index.ts";
import { clientOf } from "./components/kubernetes-connection.ts";
import { slowerHeapGrowth } from "./components/slower-heap-growth.ts";
import { reportable } from "./components/visible.ts";
import { withoutDebugLog } from "./components/without-debug-log.ts";
import { withoutStackTraces } from "./components/without-stack-traces.ts";
import { loadDeclared, sourceFromConfig } from "./kubernetes/declared.ts";
import { targetFromConfig } from "./kubernetes/target.ts";
import { atConfiguredBroker } from "./model/embedded-broker.ts";
import { declaredFolder } from "./toolchain/stack-file.ts";

slowerHeapGrowth();
withoutStackTraces();
withoutDebugLog();
const config = new pulumi.Config("edgeflock");
const get = (key: string) => config.get(key);
const folder = declaredFolder("", pulumi.getStack(), get);
const fleet = await reportable(async () => {
  const connect = () => clientOf(targetFromConfig(get));
  const documents = await loadDeclared({ get, folder, connect }, LOAD_OPTIONS);
  return declareFleet(atConfiguredBroker(documents, get("broker"), process.cwd()), {
    inCluster: sourceFromConfig(get) === "cluster",
  });
});

/** One POSIX shell script a device class: `pulumi stack output flashScripts --json`. */
export const flashScripts = fleet.flashScripts;
/** A kubeconfig for each role of each DevicesCluster: `pulumi stack output kubeconfigs --show-secrets --json`. */
export const kubeconfigs = fleet.kubeconfigs;
export const clusters = fleet.clusters;
