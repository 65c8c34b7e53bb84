// Schema of a builder's Kubernetes Job and of a source in git. Pure; touches nothing.
import { z } from "zod";
import { labelMap } from "./schema-parts.ts";
import { containerLimits, relativeFolder } from "./schema-program.ts";
import { text } from "./schema-text.ts";

export const job = z
  .strictObject({
    nodeSelector: labelMap(20).describe("Labels of the nodes that it may run on.").optional(),
    priority: z
      .int()
      .min(-1000)
      .max(1000)
      .describe("Where builds wait for each other, higher goes first; default 0.")
      .optional(),
    priorityClass: z
      .string()
      .max(253)
      .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be the name of a PriorityClass")
      .describe("PriorityClass of its pods.")
      .optional(),
    requests: z
      .strictObject({ memory: containerLimits.memory, cpus: containerLimits.cpus })
      .describe("What a node must have free for it; default a quarter of the container's limits.")
      .optional(),
  })
  .describe("Where its Kubernetes Jobs run.")
  .meta({ title: "Kubernetes Job of a builder" });

export const gitSource = z
  .strictObject({
    url: text(500)
      .regex(/^https?:\/\/[^\s@\p{Cc}]+$/u, "must be an https URL without a password")
      .describe("Repository, readable without a password."),
    commit: z
      .string()
      .max(64)
      .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, "must be a whole commit: 40 hexadecimal digits")
      .describe("A branch or a tag may stand for something else tomorrow."),
    path: relativeFolder.describe("Folder of the repository; default all of it.").optional(),
  })
  .meta({ title: "Source in git" });
