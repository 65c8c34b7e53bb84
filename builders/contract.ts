// The contract of builders (design §5): what one is given, what it returns, and where it runs. Types only.
import type { PlainValue } from "../model/schema.ts";
import type { Progress } from "../toolchain/progress.ts";
import type { FoundBuild } from "./artifact-cache.ts";
import type { BuildRecord } from "./build-record.ts";
import type { GitSource, JobPlacement } from "./kubernetes-job/contract.ts";
import type { WorkFolder } from "./work-folder.ts";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A sensor of a class: its driver is compiled in. */
export interface SensorRequest {
  name: string;
  driver: string;
  unit?: string | undefined;
}

/** Where the configuration goes. A type and no interface, so that it is JSON to the compiler. */
export type ConfigPartition = {
  label: string;
  /** Bytes. */
  size: number;
  /** As a file the partition is raw data that the firmware erases. Default "nvs". */
  format?: "nvs" | "file";
};

/** What one class wants built. */
export interface FirmwareRequest {
  builder: { name: string; args?: Record<string, Json>; source?: string; git?: GitSource };
  /** As in a manifest: "esp32c3". */
  chip: string;
  /** As esptool spells it. Default "4MB". */
  flashSize?: string;
  /** The partition that the configuration image goes to; bytes. */
  config: ConfigPartition;
  /** How the configuration image is encrypted; `flash` needs an nvs_keys partition in the firmware's table. */
  encryption?: { scheme: "hmac" | "flash"; flashEncryption: boolean };
  /** Default none. */
  sensors?: readonly SensorRequest[];
  /** Settings that the build sees; a change of one rebuilds. Default none. */
  settings?: Record<string, PlainValue>;
  /** Secrets that the build reads, by key. Whatever is built with one is `secretBearing`. Default none. */
  secrets?: Record<string, string>;
  /** What the builder runs in; absent: it is a process of this machine. */
  container?: ContainerRequest;
  /** The container is a Kubernetes Job's, and where that runs. */
  job?: JobPlacement;
  /** Relative paths of the request start here. */
  projectFolder: string;
}

/** A container for a builder. */
export interface ContainerRequest {
  /** By digest: `name@sha256:…`, or the id of an image of this machine, `sha256:…`. */
  image: string;
  /** Whether it may use the network. Default false. */
  network?: boolean | undefined;
  /** As podman and docker spell it, "4g". Default 4 GiB. */
  memory?: string | undefined;
  /** Default 2. */
  cpus?: number | undefined;
  /** Most processes and threads at a time. Default 1024. */
  processes?: number | undefined;
}

/** Progress is quiet and nothing cancels, unless given. */
export interface BuildControl {
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** A firmware builder: turns a request into a plan without building anything, so that previews can ask too. */
export interface FirmwareBuilder {
  readonly name: string;
  /** What is wrong with a sensor of a class that it builds, as far as that is known before a build. */
  sensorProblem?(sensor: SensorRequest, args: Record<string, unknown>): string | undefined;
  /** @throws VisibleError when the request's arguments are wrong or something that it needs is missing */
  plan(request: FirmwareRequest, control: BuildControl): Promise<BuildPlan>;
}

/** All that a build depends on, and how it is run. */
export interface BuildPlan {
  /**
   * What the build depends on beside the request, source, settings and secrets; by name, for previews.
   * `builder` (name and fingerprint of the builder's own sources) and `toolchain` are usual.
   */
  identity: Record<string, string>;
  /** Folder that becomes input/source. */
  source?: string;
  /** Commit that becomes input/source. */
  git?: GitSource;
  /** Becomes input/args.json. */
  args: Record<string, Json>;
  run: CommandRun | InProcessRun;
}

/** A builder that is a program. It runs in the work folder, and may be run by any executor. */
export interface CommandRun {
  kind: "command";
  /** In a container, empty stands for what the image runs by itself. */
  command: string[];
  /** Variables beside the allow-listed ones. */
  environment: Record<string, string>;
  /** Milliseconds. */
  timeLimit: number;
}

/** A builder that is a function of this program. */
export interface InProcessRun {
  kind: "in-process";
  build(work: WorkFolder, control: BuildControl): Promise<void>;
}

/** One run of a builder's program. */
export interface ExecutorJob extends Omit<CommandRun, "kind"> {
  /** For messages: `firmware builder "native"`. */
  name: string;
  work: WorkFolder;
  /** For executors that run images. */
  container?: ContainerRequest;
  /** Values that must not be seen in output or log. */
  masked: string[];
  /** Gets every line of output, masked, for the record of the build. */
  heard?(lines: readonly string[]): void;
  /** Equal ones mean one result: who may share a run shares it. */
  contentHash?: string;
  /** Where firmware is built: what is brought back is what becomes part of the artefact. */
  firmware?: { flashSize: string };
  /** The source, where it is not in the work folder. */
  git?: GitSource;
}

/**
 * Where builders run: on this machine, in a container, as a Kubernetes Job. An executor brings the work
 * folder's input to the builder, and everything that the builder left in output/ back.
 */
export interface Executor {
  readonly kind: "process" | "container" | "kubernetes-job";
  /**
   * Resolves when the builder ended with exit code 0 and left nothing running.
   * @throws VisibleError with the last lines of output and the path of the whole log
   */
  run(job: ExecutorJob, control: BuildControl): Promise<void>;
  /**
   * Runs one builder for several work folders, where that is cheaper than one after the other: a result for each job,
   * in order. The jobs differ in `name`, `work` and `masked` only. Absent: `run` is called for each.
   */
  runAll?(jobs: readonly ExecutorJob[], control: BuildControl): Promise<PromiseSettledResult<void>[]>;
}

export interface ArtifactFile {
  /** Bytes from the start of the flash. */
  offset: number;
  /** Inside the archive. */
  path: string;
  /** Hexadecimal digits. */
  sha256: string;
  /** Bytes. */
  size: number;
}

/** A firmware artefact, wherever it is kept. */
export interface FirmwareArtifact {
  /** `sha256:` and the digest of the uncompressed canonical tar. */
  digest: string;
  /** Bytes of that tar. */
  size: number;
  chip: string;
  /** As esptool spells it: "4MB". */
  flashSize: string;
  /** Of the application, by its descriptor; else the digest's first 12 digits. */
  version: string;
  files: ArtifactFile[];
  /** The configuration partition, as the artefact's own partition table has it; bytes. */
  config: { label: string; offset: number; size: number };
  /** Built with a secret, so that its bytes may contain one. */
  secretBearing?: true;
}

/** Where an artefact is: all that is needed to fetch it. */
export type ArtifactLocation =
  | {
      kind: "cluster";
      namespace: string;
      /** Objects with the pieces of the gzipped tar under the key `part`, in order. */
      parts: string[];
      /** What these objects are, where they are not ConfigMaps: an artefact with secrets is kept in Secrets. */
      objects?: "Secret";
    }
  | ({ kind: "directory" /** The gzipped tar. */; path: string } & Outside)
  | ({
      kind: "s3";
      bucket: string;
      key: string;
      region: string;
      /** Where it is no bucket of AWS: a URL, for requests in path style. */
      endpoint?: string;
    } & Outside)
  | ({
      kind: "oci";
      /** As in a manifest: `registry.example:5000/greenhouse/firmware`. */
      repository: string;
      plainHttp?: true;
      /** Digest of the gzipped tar: `sha256:…`. */
      blob: string;
      /** Of the OCI manifest that holds it. */
      tag: string;
    } & Outside);

/** What is common to all places outside of the cluster. */
interface Outside {
  /** The bytes are encrypted: with a secret in the firmware, they must not lie there in the clear. */
  encrypted?: "age";
  /** Secret in the class's namespace that whoever flashes may read: the key, and access to the store. */
  access?: string;
}

export type ArtifactReference = FirmwareArtifact & { store: ArtifactLocation };

/** An artefact with its bytes, as a build returns it. */
export interface BuiltFirmware {
  artifact: FirmwareArtifact;
  /** The uncompressed canonical tar. */
  archive: Uint8Array;
  contentHash: string;
  record: BuildRecord;
  /** Whether a build was run for it now. */
  built: boolean;
}

/** Where the class is that uses an artefact, for whoever clears up. */
export interface UserPlace {
  /** UID of the namespace kube-system. */
  clusterUid: string;
  namespace: string;
  class: string;
}

/** One artefact that somebody uses; one without a user, where nobody does any more. */
export interface StoredArtifact {
  digest: string;
  /** `<project>/<stack>/<resource>`. */
  user?: string;
  place?: UserPlace;
  /** When its user put it there last, RFC 3339. */
  putAt?: string;
  /** Of its build, where it is known. */
  record?: BuildRecord;
  /** For people: a path, a URL, an object. */
  where: string;
  reference: StoredReference;
}

/** Keeps artefacts by digest. All of it is atomic, and safe when several use it at once. */
export interface ArtifactStore {
  /** Stores it unless it is there already; either way the store's user now uses it. */
  put(artifact: FirmwareArtifact, archive: Uint8Array, record?: BuildRecord): Promise<ArtifactReference>;
  /** The uncompressed archive; undefined where it is gone or damaged. */
  read(reference: StoredReference): Promise<Uint8Array | undefined>;
  /** The store's user no longer uses it; it is removed when nobody else does. */
  delete(reference: StoredReference): Promise<void>;
  /** The store's user uses none but this one: lets go of what a killed run left in its name. */
  keepOnly(reference: StoredReference): Promise<void>;
  /** What was built for a content hash, by anybody, without secrets. */
  findBuild(contentHash: string): Promise<FoundBuild | undefined>;
  /** Everything in it, once for each user. */
  list(): Promise<StoredArtifact[]>;
  /**
   * A place for what a builder elsewhere sends before it is looked at, by name; the same for everybody who asks.
   * Absent: the store cannot let anybody write there and nowhere else.
   */
  openUpload?(name: string, seconds: number): Promise<StoreUpload>;
}

export interface StoreUpload {
  /** Takes one kind of request: a PUT of the whole. As good as a password for as long as it is valid. */
  url: string;
  read(): Promise<Uint8Array | undefined>;
  remove(): Promise<void>;
}

/** What a store must know of an artefact to find it. */
export type StoredReference = Pick<ArtifactReference, "digest" | "secretBearing" | "store">;
