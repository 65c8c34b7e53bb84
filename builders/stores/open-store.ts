// Opens an artefact store by its description. Connects to nothing yet.
import type { KubernetesApi } from "../../kubernetes/api.ts";
import type { ArtifactIdentity } from "../artifact-cipher.ts";
import type { ArtifactStore, UserPlace } from "../contract.ts";
import { ClusterStore } from "./cluster.ts";
import { DirectoryStore } from "./directory.ts";
import { OciStore } from "./oci.ts";
import { S3Store } from "./s3.ts";

/** `spec.artifacts` without credentials: what the state keeps. */
export type StoreDescription =
  | { kind: "cluster" }
  | { kind: "directory"; path: string }
  | { kind: "s3"; bucket: string; prefix: string; region: string; endpoint?: string | undefined }
  | { kind: "oci"; repository: string; plainHttp: boolean };

/** What gets one in, and what decrypts; secret. */
export interface StoreAccess {
  identity?: ArtifactIdentity | undefined;
  /** Of S3 `accessKeyId` and `secretAccessKey`, of a registry `username` and `password`. */
  credentials?: Record<string, string> | undefined;
}

export interface StoreContext {
  /** Who uses what is put: `<project>/<stack>/<resource>`. */
  user: string;
  place: UserPlace;
  access?: StoreAccess | undefined;
  /** Name of the Secret that whoever flashes reads, where there is one. */
  accessSecret?: string | undefined;
  /** Of the cluster that the store `cluster` is in. */
  api(): Promise<KubernetesApi>;
  warn?: (line: string) => void;
}

export async function openStore(store: StoreDescription, context: StoreContext): Promise<ArtifactStore> {
  const { user, place, access = {}, accessSecret, warn } = context;
  const { identity, credentials = {} } = access;
  const outside = { user, place, identity, access: accessSecret };
  switch (store.kind) {
    case "cluster":
      return new ClusterStore({ api: await context.api(), namespace: place.namespace, user });
    case "directory":
      return new DirectoryStore({ folder: store.path, ...outside });
    case "s3": {
      const { bucket, prefix, region, endpoint } = store;
      const { accessKeyId, secretAccessKey } = credentials;
      return new S3Store({
        bucket: {
          bucket,
          region,
          ...(endpoint !== undefined && { endpoint }),
          ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
        },
        prefix,
        ...outside,
      });
    }
    case "oci": {
      const { repository, plainHttp } = store;
      const { username, password } = credentials;
      return new OciStore({
        registry: {
          repository,
          plainHttp,
          ...(username !== undefined && password !== undefined && { credentials: { username, password } }),
        },
        ...outside,
        ...(warn && { warn }),
      });
    }
  }
}
