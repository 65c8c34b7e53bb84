// What is known of a build beside its result: where it came from, when, and what was said. Kept beside the artefact and
// not in it, since times, logs and commits differ where the bytes are the same. Pure.
import type { FirmwareArtifact, Json } from "./contract.ts";
import { type BuildInputs, type ResourceDescriptor, resolvedDependencies } from "./provenance-inputs.ts";
import type { SourceVersion } from "./source-version.ts";

/** https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
export interface Statement {
  _type: "https://in-toto.io/Statement/v1";
  subject: { name: string; digest: { sha256: string } }[];
  predicateType: "https://slsa.dev/provenance/v1";
  predicate: Provenance;
}

/** https://slsa.dev/spec/v1.0/provenance */
export interface Provenance {
  buildDefinition: {
    buildType: string;
    externalParameters: Record<string, Json>;
    internalParameters: Record<string, Json>;
    resolvedDependencies: ResourceDescriptor[];
  };
  runDetails: {
    builder: { id: string; version: Record<string, string> };
    metadata: { invocationId: string; startedOn: string; finishedOn: string };
  };
}

export interface BuildRecord {
  /** Of the artefact that was built: `sha256:…`. */
  digest: string;
  /** Bytes of the uncompressed tar. */
  size: number;
  chip: string;
  flashSize: string;
  version: string;
  secretBearing?: true;
  contentHash: string;
  /** RFC 3339. */
  builtAt: string;
  /** As git knows it. */
  source?: SourceVersion;
  provenance: Statement;
  /** The end of what the builder said, its secrets masked. */
  log: string;
}

export interface BuildFacts extends BuildInputs {
  artifact: FirmwareArtifact;
  contentHash: string;
  started: Date;
  finished: Date;
  log: string;
}

/** Bytes of a log that are kept: its end, which says how it went. */
const LONGEST_LOG = 64 * 1024;

export function buildRecord(facts: BuildFacts): BuildRecord {
  const { artifact, contentHash, finished, log, source } = facts;
  const { digest, size, chip, flashSize, version, secretBearing } = artifact;
  return {
    digest,
    size,
    chip,
    flashSize,
    version,
    ...(secretBearing && { secretBearing }),
    contentHash,
    builtAt: time(finished),
    ...(source && { source }),
    provenance: statement(facts),
    log: log.length > LONGEST_LOG ? `…${log.slice(-LONGEST_LOG)}` : log,
  };
}

function statement(facts: BuildFacts): Statement {
  const { artifact, request, contentHash, parts, started, finished } = facts;
  const { builder, chip, flashSize, config, encryption, settings, secrets } = request;
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [
      { name: "firmware.tar", digest: { sha256: artifact.digest.slice("sha256:".length) } },
      ...artifact.files.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
    ],
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "https://edgeflock.io/firmware-build/v1",
        externalParameters: {
          builder: { name: builder.name, args: builder.args ?? {} },
          chip,
          flashSize: flashSize ?? artifact.flashSize,
          config,
          ...(encryption && { encryption }),
          settings: settings ?? {},
          // never their values
          secrets: Object.keys(secrets ?? {}).sort(),
        },
        internalParameters: { contentHash, builtFrom: parts },
        resolvedDependencies: resolvedDependencies(facts),
      },
      runDetails: {
        builder: {
          id: `https://edgeflock.io/builders/${builder.name}`,
          version: { builder: parts.builder ?? "", toolchain: parts.toolchain ?? "" },
        },
        metadata: {
          invocationId: contentHash,
          startedOn: time(started),
          finishedOn: time(finished),
        },
      },
    },
  };
}

/** RFC 3339, to the second. */
function time(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}
