// A builder of configuration images that a class names: what it is, and what identifies it. Reads its sources.
import { join } from "node:path";
import type { ConfigBuilderSpec } from "../../model/schema-config-builder.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { canonicalJson } from "../content-hash.ts";
import type { ConfigPartition, ContainerRequest, Json } from "../contract.ts";
import type { JobPlacement } from "../kubernetes-job/contract.ts";
import { sourceCommand } from "../source-program.ts";
import { hashSourceTree } from "../source-tree.ts";

/** What of the class its images are for; becomes input/class.json. */
export type ConfigClass = { chip: string; config: ConfigPartition };

/** What the images depend on, in words that previews show; never a secret. */
export type ConfigBuilderIdentity = Record<string, string>;

/** All that runs it. A type and no interface, so that it is JSON to the compiler: devices' inputs carry it. */
export type ConfigBuilder = {
  /** A new one means new images. */
  identity: ConfigBuilderIdentity;
  class: ConfigClass;
  args: Record<string, Json>;
  /** As the manifest has it; empty stands for what the image runs by itself. */
  command: string[];
  environment: Record<string, string>;
  /** Folder of the project that becomes input/source. */
  source?: string;
  /** How it is run, which its images do not depend on. */
  run: {
    /** Milliseconds, for one device. */
    timeLimit: number;
    /** Absent: it is a process of this machine. */
    container?: ContainerRequest;
    /** The container is a Kubernetes Job's, and where that runs. */
    job?: JobPlacement;
  };
};

/**
 * The builder of a class, or undefined for Edgeflock's own, which runs in process.
 * @throws VisibleError where its sources or its program are not there
 */
export async function planConfigBuilder(
  spec: ConfigBuilderSpec,
  of: ConfigClass,
  projectFolder: string,
): Promise<ConfigBuilder | undefined> {
  if (spec.name === "nvs") return undefined;
  const { args, environment, source, command = [], timeLimitMinutes } = spec;
  const json = args as Record<string, Json>;
  const folder = source === undefined ? undefined : join(projectFolder, source);
  try {
    sourceCommand(command, folder, "spec.config.builder.source");
    return {
      identity: {
        ...(spec.name === "image" ? { image: spec.image } : { toolchain: spec.toolchain }),
        command: canonicalJson(command),
        environment: canonicalJson(environment),
        ...Object.fromEntries(
          Object.entries(json).map(([name, value]) => [`args.${name}`, canonicalJson(value)]),
        ),
        ...(folder !== undefined && { source: (await hashSourceTree(folder)).slice(0, 16) }),
      },
      class: of,
      ...{ args: json, command, environment },
      ...(source !== undefined && { source }),
      run: {
        timeLimit: timeLimitMinutes * 60_000,
        ...(spec.name === "image" && { container: containerOf(spec) }),
        ...(spec.name === "image" && spec.executor === "kubernetes-job" && { job: spec.job ?? {} }),
      },
    };
  } catch (error) {
    if (!(error instanceof VisibleError)) throw error;
    const { message, hint } = error;
    throw new VisibleError(`spec.config.builder: ${message}`, { ...(hint && { hint }), cause: error });
  }
}

function containerOf(spec: ConfigBuilderSpec & { name: "image" }): ContainerRequest {
  const { image, network, memory, cpus, processes } = spec;
  return { image, network, memory, cpus, processes };
}
