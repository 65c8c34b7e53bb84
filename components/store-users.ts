// A fleet's own users in its object store, as one dynamic resource.
import * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic-providers/dynamic-resource.ts";
import type { AccessKey } from "../dynamic-providers/iam-users.ts";
import type { StoreUserKeys, StoreUsersInputs } from "../dynamic-providers/store-users-provider.ts";
import { STORE_USERS, type StoreUserKind, storeUserName, storeUserPolicy } from "../model/artifact-policy.ts";
import type { ArtifactsSpec } from "../model/schema-artifacts.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import type { Ownership } from "./ownership.ts";

type S3Spec = Extract<ArtifactsSpec, { kind: "s3" }>;

/** `pulumi-nodejs:dynamic/edgeflock:StoreUsers`. */
class StoreUsersResource extends DynamicResource {
  /** `StoreUserKeys` as text; secret. */
  declare readonly keys: pulumi.Output<string>;

  constructor(name: string, inputs: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    const secret = { ...opts, additionalSecretOutputs: ["keys"] };
    super("storeUsers", "StoreUsers", name, { ...inputs, keys: undefined }, secret);
  }
}

/** @param admin by the fields of an `AccessKey`; empty where whoever runs the update has access of their own */
export function declareStoreUsers(
  name: string,
  cluster: DevicesCluster,
  owned: Ownership,
  { iam, bucket, prefix, region }: S3Spec & { iam: NonNullable<S3Spec["iam"]> },
  admin: Record<string, pulumi.Output<string>>,
): Record<StoreUserKind, pulumi.Output<Record<string, string>>> {
  const { target, explicit, clusterUid } = cluster.connection;
  const namespace = cluster.namespaceName;
  const inputs: pulumi.Inputs & Record<keyof Omit<StoreUsersInputs, "kubernetes" | "admin">, unknown> = {
    namespace,
    owner: owned.owner,
    clusterUid,
    ...(explicit && { kubernetes: target }),
    iam: { region, ...(iam.url !== undefined && { url: iam.url }) },
    users: Object.fromEntries(
      STORE_USERS.map((kind) => [
        kind,
        { name: storeUserName(kind, namespace), policy: storeUserPolicy(kind, { bucket, prefix }) },
      ]),
    ),
    generation: iam.generation,
    ...(iam.admin && { admin: pulumi.secret(pulumi.output(admin).apply((key) => JSON.stringify(key))) }),
  };
  const { keys } = new StoreUsersResource(`${name}/store-users`, inputs, { parent: cluster });
  const keyOf = (kind: StoreUserKind) =>
    keys.apply(
      (text): Record<string, string> => ({
        ...((JSON.parse(text) as StoreUserKeys)[kind] satisfies AccessKey),
      }),
    );
  return { store: keyOf("store"), flashing: keyOf("flashing") };
}
