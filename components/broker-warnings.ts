// Warns in a preview of what does not go with the way the fleet's broker does things. Asks nobody.
import * as pulumi from "@pulumi/pulumi";
import { conventionWarnings } from "../model/broker-conventions.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { reportable } from "./visible.ts";

/** Resolves once it has warned. An update says nothing of it: its preview did. */
export function warnOfConventions(of: pulumi.Resource, cluster: DevicesCluster): pulumi.Output<void> {
  const warnings = pulumi.runtime.isDryRun() ? conventionWarnings(cluster.spec.mqtt) : [];
  return pulumi.output(
    reportable(async () => {
      for (const warning of warnings) await pulumi.log.warn(warning, of);
    }),
  );
}
