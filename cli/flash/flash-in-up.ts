// What the local.Command of a device with `flash.via` runs, in a process of its own: the flashing station for one port
// and one device. Takes its orders from EDGEFLOCK_FLASH_…; prints the result as JSON, without secrets.
import { join, resolve } from "node:path";
import { ClusterSource } from "../../flash/station/cluster-source.ts";
import { type PortRow, runStation } from "../../flash/station/station.ts";
import { changeLine } from "../../flash/station/table.ts";
import { connect } from "../../kubernetes/api.ts";
import { clusterUid } from "../../kubernetes/cluster-uid.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import { esptoolCommand } from "../../toolchain/python.ts";
import { interruptible } from "../interruptible.ts";

/** Sets the exit code; never throws. */
export async function run(environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  try {
    await interruptible((signal) => flash(environment, signal));
  } catch (error) {
    if (!(error instanceof VisibleError)) throw error;
    console.error(error.hint ? `${error.message} ${error.hint}` : error.message);
    process.exitCode = error.exitCode;
  }
}

async function flash(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const of = (name: string) => environment[`EDGEFLOCK_FLASH_${name}`];
  const must = (name: string) => {
    const value = of(name);
    if (!value)
      throw new VisibleError(`EDGEFLOCK_FLASH_${name} is missing: this runs as part of "pulumi up".`);
    return value;
  };
  const [device, port] = [must("DEVICE"), must("PORT")];
  const [context, kubeconfig] = [of("CONTEXT"), of("KUBECONFIG")];
  const api = await connect({ ...(context && { context }), ...(kubeconfig && { kubeconfig }) });
  if ((await clusterUid(api)) !== must("CLUSTER_UID")) {
    throw new VisibleError(
      `The kube-context "${api.contextName}" leads to another cluster than the device's.`,
    );
  }
  const source = await ClusterSource.open(api, must("NAMESPACE"), must("CLASS"));
  let rows: readonly PortRow[] = [];
  const { failed } = await runStation({
    source,
    esptool: await esptoolCommand({ progress: stderrProgress(), signal }),
    ports: [port],
    device,
    baud: Number(must("BAUD")),
    logPath: resolve(join(".edgeflock", "flash-log.jsonl")),
    signal,
    onChange(now) {
      for (const row of now) {
        const line = changeLine(
          rows.find((before) => before.port === row.port),
          row,
        );
        if (line) console.error(line);
      }
      rows = now;
    },
    onResult: ({ mac, configDigest, artifactDigest, firmwareVersion, outcome }) => {
      console.log(JSON.stringify({ device, outcome, mac, firmwareVersion, artifactDigest, configDigest }));
    },
  });
  // the row has said why
  if (failed > 0) process.exitCode = 10;
}
