// A stack whose configuration says `edgeflock:broker: embedded` has the project's own broker for its Mosquitto.
// Reads that broker's address and certificate from files below .edgeflock/.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Documents } from "./load-manifests.ts";
import { mechanismOf } from "./mqtt-broker.ts";
import { VisibleError } from "./visible-error.ts";

/** Relative to the project's folder. */
const FOLDER = join(".edgeflock", "broker");

export interface BrokerEndpoint {
  port: number;
  /** PEM of the certificate that signs its own. */
  ca: string;
}

/** @param configured value of `edgeflock:broker`; undefined leaves the manifests as they are */
export function atConfiguredBroker(
  documents: Documents,
  configured: string | undefined,
  projectFolder: string,
): Documents {
  if (configured === undefined) return documents;
  if (configured !== "embedded") {
    throw new VisibleError(`edgeflock:broker is "${configured}"; the only value it takes is "embedded".`, {
      hint: "For a broker of your own say so in the DevicesCluster, and remove the setting.",
    });
  }
  return atBroker(documents, readEndpoint(projectFolder));
}

/**
 * Clusters with a Mosquitto that takes files, at this broker instead of their own. Pure.
 *
 * @throws VisibleError where one of them has certificates, which this broker does not ask for
 */
export function atBroker(documents: Documents, { port, ca }: BrokerEndpoint): Documents {
  const certified = documents.clusters
    .map(({ manifest }) => manifest)
    .filter(({ spec: { mqtt } }) => mechanismOf(mqtt.broker) === "files" && mqtt.auth !== "password");
  if (certified.length > 0) {
    const named = certified.map(({ metadata, spec }) => `${metadata.name} (mqtt.auth: ${spec.mqtt.auth})`);
    throw new VisibleError(
      `The project's own broker knows passwords only, no certificates: ${named.join(", ")}.`,
      {
        hint: "Take a Mosquitto of your own for certificates (pulumi config rm edgeflock:broker), or mqtt.auth: password.",
      },
    );
  }
  const clusters = documents.clusters.map((located) => {
    const { manifest } = located;
    const { mqtt } = manifest.spec;
    if (mechanismOf(mqtt.broker) !== "files") return located;
    const broker = { ...mqtt.broker, host: "127.0.0.1", port, tls: true };
    return {
      ...located,
      manifest: { ...manifest, spec: { ...manifest.spec, mqtt: { ...mqtt, broker, ca } } },
    };
  });
  return { ...documents, clusters };
}

function readEndpoint(projectFolder: string): BrokerEndpoint {
  const folder = join(projectFolder, FOLDER);
  try {
    const { port } = JSON.parse(readFileSync(join(folder, "broker.json"), "utf8")) as { port: number };
    return { port, ca: readFileSync(join(folder, "ca.crt"), "utf8").trim().concat("\n") };
  } catch (cause) {
    throw new VisibleError("This stack has the project's own broker, which was never started.", {
      hint: "Start it: npm run broker -- start",
      cause,
    });
  }
}
