// How a fleet gets into its artefact store, and how whoever flashes does: reads credentials by their sources, declares
// Secret `<cluster>-artifact-access` where the firmware is kept outside of the cluster.
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { artifactIdentity } from "../builders/artifact-cipher.ts";
import type { StoreAccess, StoreDescription } from "../builders/stores/open-store.ts";
import { deriveBytes } from "../model/derivation.ts";
import { artifactAccessName } from "../model/names.ts";
import { type ArtifactsSpec, artifactCredentials } from "../model/schema-artifacts.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { type Ownership, ownedMetadata } from "./ownership.ts";
import { requireSecrets, type SecretInput } from "./secret-values.ts";

/** Keys of the Secret; the flash script knows them too. */
export const ACCESS_KEYS = {
  identity: "age-identity",
  accessKeyId: "access-key-id",
  secretAccessKey: "secret-access-key",
  username: "username",
  password: "password",
} as const;

export interface ArtifactAccess {
  store: StoreDescription;
  /** A `StoreAccess` as text; secret. Absent where the cluster itself keeps the firmware. */
  access?: pulumi.Output<string>;
  /** Name of the Secret that whoever flashes reads. */
  secretName?: string;
}

/** Keys the fingerprints of a fleet's build secrets, and what encrypts the firmware that has some of them in it. */
export function firmwareKey(rootKey: string, namespace: string): Buffer {
  return deriveBytes(rootKey, "fingerprint", [namespace, "firmware"], 32);
}

/** @throws VisibleError naming every credential that has no value now */
export function declareArtifactAccess(
  name: string,
  cluster: DevicesCluster,
  owned: Ownership,
  labels: Record<string, string>,
  opts: pulumi.CustomResourceOptions,
): ArtifactAccess {
  const spec = cluster.spec.artifacts;
  const store = withoutCredentials(spec);
  if (store.kind === "cluster") return { store };
  const sources = artifactCredentials(spec);
  const placed = (path: string[]) => ["artifacts", ...path].join(".");
  requireSecrets(
    Object.fromEntries(sources.map(({ path, source }) => [placed(path), source as SecretInput])),
    "DevicesCluster",
    cluster.clusterName,
  );
  const valuesOf = (part: string) =>
    Object.fromEntries(
      sources
        .filter(({ path }) => path[0] === part)
        .map(({ path, source }) => [
          path[1],
          cluster.secretOf(["DevicesCluster", cluster.clusterName, placed(path)], source as SecretInput),
        ]),
    );
  const identity = cluster.rootKey.apply((key) => artifactIdentity(firmwareKey(key, cluster.namespaceName)));
  const access = pulumi
    .all([identity, pulumi.output(valuesOf("credentials"))])
    .apply(([own, credentials]) => JSON.stringify({ identity: own, credentials } satisfies StoreAccess));
  const secretName = artifactAccessName(cluster.clusterName);
  const forFlashing = Object.entries(valuesOf("flashing")).map(
    ([key, value]) => [ACCESS_KEYS[key as keyof typeof ACCESS_KEYS], value] as const,
  );
  new kubernetes.core.v1.Secret(
    `${name}/artifact-access`,
    {
      metadata: ownedMetadata(
        { apiVersion: "v1", kind: "Secret", name: secretName, namespace: cluster.place, labels },
        owned,
        cluster.connection.api,
      ),
      type: "Opaque",
      stringData: pulumi.secret({ [ACCESS_KEYS.identity]: identity, ...Object.fromEntries(forFlashing) }),
    },
    opts,
  );
  return { store, access: pulumi.secret(access), secretName };
}

function withoutCredentials(spec: ArtifactsSpec): StoreDescription {
  if (spec.kind !== "s3" && spec.kind !== "oci") return spec;
  const { credentials: _, flashing: __, ...store } = spec;
  return store;
}
