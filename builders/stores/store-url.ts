// The URL at which any HTTP client gets an artefact that is kept in S3 or in a registry. Pure.
import type { ArtifactLocation } from "../contract.ts";

export function storeUrl(store: Extract<ArtifactLocation, { kind: "s3" | "oci" }>): string {
  if (store.kind === "oci") {
    const slash = store.repository.indexOf("/");
    const [host, name] = [store.repository.slice(0, slash), store.repository.slice(slash + 1)];
    return `${store.plainHttp ? "http" : "https"}://${host}/v2/${name}/blobs/${store.blob}`;
  }
  const { bucket, key, region, endpoint } = store;
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return `${endpoint ?? `https://s3.${region}.${domain}`}/${bucket}/${key}`;
}
