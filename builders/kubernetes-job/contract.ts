// What a builder's Job is made of: shared by those who plan it, its steps in the pod, and whoever takes the results.
// Types and constants only.

/** Where a class's Jobs run, as far as it cares. A type and no interface, so that it is JSON to the compiler. */
export type JobPlacement = {
  nodeSelector?: Record<string, string> | undefined;
  /** Higher goes first where Jobs wait for each other. Default 0. */
  priority?: number | undefined;
  /** PriorityClass of its pods, for Kubernetes' own scheduler. */
  priorityClass?: string | undefined;
  /** What a node must have free; default a quarter of the limits. */
  requests?: { memory?: string | undefined; cpus?: number | undefined } | undefined;
};

/** On every object of a builder's Job, so that people and we find them. */
export const JOB_LABEL = "edgeflock.io/builder-job";
/** The user that builders run as, and the group of their volumes. */
export const BUILDER_USER = 65532;

/** In the pod. */
export const PATHS = {
  /** Input of all, for the step that prepares. */
  request: "/edgeflock/request",
  /** The pieces of the packed source, for the step that prepares. */
  packedSource: "/edgeflock/packed-source",
  /** Volumes, whole, for the steps. */
  input: "/edgeflock/input",
  secrets: "/edgeflock/secrets",
  output: "/edgeflock/output",
  temporary: "/edgeflock/tmp",
  /** What lets the upload upload. */
  grant: "/edgeflock/grant",
  work: "/work",
} as const;

export const CONTAINERS = { prepare: "prepare", upload: "upload" } as const;
export const buildContainer = (index: number): string => `build-${index}`;

/** Key `request.json` of the input Secret; the other keys are the files it names. */
export interface StepRequest {
  source?: PackedSource | ({ kind: "git" } & GitSource);
  /** One for each device, or the firmware's one. */
  works: {
    /** File's name below input/ by key of the Secret. */
    files: Record<string, string>;
    /** File's name below input/secrets/ by key of the Secret. */
    secrets: Record<string, string>;
  }[];
}

/** In pieces, in the order of their names. */
export interface PackedSource {
  kind: "packed";
  /** Of the gzipped tar, in hexadecimal digits. */
  sha256: string;
}

/** A type and no interface, so that it is JSON to the compiler. */
export type GitSource = {
  url: string;
  /** 40 or 64 hexadecimal digits. */
  commit: string;
  /** Folder of the repository; default all of it. */
  path?: string | undefined;
};

/** Key `grant.json`: what is uploaded, and where to. */
export interface UploadGrant {
  /** `firmware`: what flasher_args.json names; `config`: each device's image. */
  what: "firmware" | "config";
  to: { kind: "objects"; namespace: string; resource: "configmaps" | "secrets"; names: string[] } | UrlUpload;
}

/** A URL that takes one PUT and nothing else. */
export interface UrlUpload {
  kind: "url";
  url: string;
}

/** What the upload says when it has ended; it is readable by all who may see pods. */
export type UploadReport = {
  /** Of the gzipped tar, in hexadecimal digits. */
  sha256: string;
  /** Bytes. */
  size: number;
  /** Pieces, where it was cut into some. */
  parts: number;
};
