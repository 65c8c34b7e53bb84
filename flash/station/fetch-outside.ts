// Firmware that is kept outside of the cluster, for a station: with what Secret `<cluster>-artifact-access` has for
// whoever flashes, else with what this person's environment has. Talks to the API server and to the store.
import type { ArtifactReference } from "../../builders/contract.ts";
import { openStore, type StoreAccess, type StoreDescription } from "../../builders/stores/open-store.ts";
import type { KubernetesApi } from "../../kubernetes/api.ts";
import { VisibleError } from "../../model/visible-error.ts";

/** @returns undefined where it is gone or damaged */
export async function fetchOutside(
  api: KubernetesApi,
  namespace: string,
  artifact: ArtifactReference,
): Promise<Uint8Array | undefined> {
  const { store } = artifact;
  if (store.kind === "cluster") throw new Error("this firmware is kept in the cluster");
  const access = store.access === undefined ? {} : await readAccess(api, namespace, store.access);
  if (store.encrypted && access.identity === undefined) {
    throw new VisibleError(`The firmware is encrypted, and Secret ${store.access} has no key for it.`, {
      hint: '"pulumi up" makes it again.',
      exitCode: 7,
    });
  }
  const opened = await openStore(describe(store), {
    user: "",
    place: { clusterUid: "", namespace, class: "" },
    access,
    api: () => Promise.resolve(api),
  });
  return await opened.read({ ...artifact, ...(store.encrypted && { secretBearing: true }) });
}

function describe(store: Exclude<ArtifactReference["store"], { kind: "cluster" }>): StoreDescription {
  switch (store.kind) {
    case "directory":
      return { kind: "directory", path: "." };
    case "s3":
      return { kind: "s3", bucket: store.bucket, prefix: "", region: store.region, endpoint: store.endpoint };
    case "oci":
      return { kind: "oci", repository: store.repository, plainHttp: store.plainHttp === true };
  }
}

async function readAccess(api: KubernetesApi, namespace: string, name: string): Promise<StoreAccess> {
  const metadata = { name, namespace };
  const secret = await api.getOrUndefined<{ data?: Record<string, string> }>({
    apiVersion: "v1",
    kind: "Secret",
    metadata,
  } as never);
  const value = (key: string) => {
    const text = secret?.data?.[key];
    return text === undefined ? undefined : Buffer.from(text, "base64").toString("utf8");
  };
  const { EDGEFLOCK_REGISTRY_USERNAME, EDGEFLOCK_REGISTRY_PASSWORD } = process.env;
  const credentials = {
    accessKeyId: value("access-key-id"),
    secretAccessKey: value("secret-access-key"),
    username: value("username") ?? EDGEFLOCK_REGISTRY_USERNAME,
    password: value("password") ?? EDGEFLOCK_REGISTRY_PASSWORD,
  };
  const known = Object.entries(credentials).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return { identity: value("age-identity"), credentials: Object.fromEntries(known) };
}
