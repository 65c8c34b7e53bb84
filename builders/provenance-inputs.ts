// What went into a build, by digest, for its provenance (SLSA's resolvedDependencies): source, image, prebuilt firmware,
// toolchain, and the libraries whose digest the bill of materials has. Pure.
import type { FirmwareRequest } from "./contract.ts";
import type { SourceVersion } from "./source-version.ts";

/** https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md */
export interface ResourceDescriptor {
  name: string;
  uri?: string;
  digest?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface BuildInputs {
  request: FirmwareRequest;
  /** Of the content hash, by name. */
  parts: Record<string, string>;
  /** Of the source tree of this machine. */
  sourceDigest?: string | undefined;
  source?: SourceVersion | undefined;
  /** The artefact's bill of materials, CycloneDX. */
  bom?: string | undefined;
}

const HEX = /^sha256:([0-9a-f]{64})$/;

export function resolvedDependencies(inputs: BuildInputs): ResourceDescriptor[] {
  return [
    ...sourceOf(inputs),
    ...prebuiltOf(inputs.request),
    ...imageOf(inputs.request),
    ...toolchainOf(inputs),
    ...librariesOf(inputs.bom),
  ];
}

function sourceOf({ request, sourceDigest, source }: BuildInputs): ResourceDescriptor[] {
  const { git } = request.builder;
  if (git) {
    const uri = `git+${git.url}@${git.commit}${git.path ? `#${git.path}` : ""}`;
    return [{ name: "source", uri, digest: { gitCommit: git.commit } }];
  }
  if (sourceDigest === undefined) return [];
  return [{ name: "source", digest: { sha256: sourceDigest, ...(source && { gitCommit: source.commit }) } }];
}

function prebuiltOf({ builder }: FirmwareRequest): ResourceDescriptor[] {
  const { digest } = builder.args ?? {};
  const sha256 = typeof digest === "string" ? HEX.exec(digest)?.[1] : undefined;
  return sha256 === undefined ? [] : [{ name: "prebuilt", digest: { sha256 } }];
}

/** `name@sha256:…`, or the id of an image of this machine. */
function imageOf({ container }: FirmwareRequest): ResourceDescriptor[] {
  if (!container) return [];
  const at = container.image.lastIndexOf("@");
  const sha256 = HEX.exec(container.image.slice(at + 1))?.[1];
  if (sha256 === undefined) return [];
  return [
    { name: "container image", ...(at > 0 && { uri: container.image.slice(0, at) }), digest: { sha256 } },
  ];
}

/** Of tools that are on the machine only their versions are known. */
function toolchainOf({ request, parts }: BuildInputs): ResourceDescriptor[] {
  const { toolchain } = parts;
  if (!toolchain || request.container) return [];
  const uri = `urn:edgeflock:toolchain:${encodeURIComponent(toolchain)}`;
  return [{ name: "toolchain", uri, annotations: { version: toolchain } }];
}

interface Hashed {
  hashes?: { alg: string; content: string }[];
}
interface Component extends Hashed {
  type: string;
  name: string;
  purl?: string;
  externalReferences?: (Hashed & { url: string })[];
}

/** A library is known by its own digest, or by that of the archive that its sources come in. */
function librariesOf(bom: string | undefined): ResourceDescriptor[] {
  const { components = [] } = JSON.parse(bom ?? "{}") as { components?: Component[] };
  return components.flatMap((one) => {
    if (one.type !== "library") return [];
    const from = (one.externalReferences ?? []).find((each) => sha256In(each) !== undefined);
    const sha256 = sha256In(one) ?? (from && sha256In(from));
    if (sha256 === undefined) return [];
    const uri = sha256In(one) === undefined ? from!.url : one.purl;
    return [{ name: one.name, ...(uri !== undefined && { uri }), digest: { sha256 } }];
  });
}

function sha256In({ hashes = [] }: Hashed): string | undefined {
  return hashes.find(({ alg }) => alg === "SHA-256")?.content;
}
