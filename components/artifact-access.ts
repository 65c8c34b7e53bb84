// How a fleet gets into its artefact store, and how whoever flashes does: reads credentials by their sources, declares
// Secret `<cluster>-artifact-access` where the firmware is kept outside of the cluster.

import * as pulumi from "@pulumi/pulumi";
import { artifactIdentity } from "../builders/artifact-cipher.ts";
import type { StoreAccess, StoreDescription } from "../builders/stores/open-store.ts";
import { deriveBytes } from "../model/derivation.ts";
import { artifactAccessName, artifactStoreName } from "../model/names.ts";
import { type ArtifactsSpec, artifactCredentials } from "../model/schema-artifacts.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import * as kubernetes from "./kubernetes.ts";
import { type Ownership, ownedMetadata } from "./ownership.ts";
import { requireSecrets, type SecretInput } from "./secret-values.ts";
import { declareStoreUsers } from "./store-users.ts";

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
  const given = givenCredentials(cluster, spec);
  const iam = spec.kind === "s3" ? spec.iam : undefined;
  const users =
    iam && spec.kind === "s3"
      ? declareStoreUsers(name, cluster, owned, { ...spec, iam }, given("iam.admin"))
      : { store: given("credentials"), flashing: given("flashing") };
  const identity = cluster.rootKey.apply((key) => artifactIdentity(firmwareKey(key, cluster.namespaceName)));
  const access = pulumi
    .all([identity, pulumi.output(users.store)])
    .apply(([own, credentials]) => JSON.stringify({ identity: own, credentials } satisfies StoreAccess));
  const secret = (suffix: string, secretName: string, data: pulumi.Input<Record<string, string>>) =>
    new kubernetes.Secret(
      `${name}/${suffix}`,
      {
        metadata: ownedMetadata(
          { apiVersion: "v1", kind: "Secret", name: secretName, namespace: cluster.place, labels },
          owned,
          cluster.connection.api,
        ),
        type: "Opaque",
        stringData: pulumi.secret(data),
      },
      opts,
    );
  const secretName = artifactAccessName(cluster.clusterName);
  const forFlashing = pulumi.output(users.flashing).apply(underKeys);
  secret(
    "artifact-access",
    secretName,
    pulumi.all([identity, forFlashing]).apply(([own, keys]) => ({ [ACCESS_KEYS.identity]: own, ...keys })),
  );
  if (iam) {
    secret(
      "artifact-store",
      artifactStoreName(cluster.clusterName),
      pulumi.output(users.store).apply(underKeys),
    );
  }
  return { store, access: pulumi.secret(access), secretName };
}

function underKeys(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [ACCESS_KEYS[key as keyof typeof ACCESS_KEYS], value]),
  );
}

/** @returns the values of one part of `spec.artifacts`, by the dots in its path */
function givenCredentials(
  cluster: DevicesCluster,
  spec: ArtifactsSpec,
): (part: string) => Record<string, pulumi.Output<string>> {
  const sources = artifactCredentials(spec).map(({ path, source }) => ({
    part: path.slice(0, -1).join("."),
    key: path.at(-1)!,
    place: ["artifacts", ...path].join("."),
    source: source as SecretInput,
  }));
  requireSecrets(
    Object.fromEntries(sources.map(({ place, source }) => [place, source])),
    "DevicesCluster",
    cluster.clusterName,
  );
  return (part) =>
    Object.fromEntries(
      sources
        .filter((each) => each.part === part)
        .map(({ key, place, source }) => [
          key,
          cluster.secretOf(["DevicesCluster", cluster.clusterName, place], source),
        ]),
    );
}

function withoutCredentials(spec: ArtifactsSpec): StoreDescription {
  if (spec.kind !== "s3" && spec.kind !== "oci") return spec;
  const { credentials: _, flashing: __, ...rest } = spec;
  if (rest.kind !== "s3") return rest;
  const { iam: ___, ...store } = rest;
  return store;
}
