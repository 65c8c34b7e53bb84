// What manifests say of a program that builds something: its command, sources and variables, and the container it
// runs in. Pure; touches nothing.
import { z } from "zod";
import { cel, celList, celMatches } from "./cel.ts";
import { IMAGE_BY_DIGEST } from "./image-reference.ts";
import { boundedRecord } from "./schema-parts.ts";
import { text } from "./schema-text.ts";

const INSIDE = "must be a folder inside the project, relative to it";
export const relativeFolder = text(500)
  .min(1)
  .regex(/^[^\p{Cc}\\]+$/u, "must be a path with / and without control characters")
  .refine((path) => !path.startsWith("/") && !path.split("/").includes(".."), {
    error: INSIDE,
  })
  .meta(cel(["!self.startsWith('/') && !self.split('/').exists(part, part == '..')", INSIDE]));

/** Longest name of a builder's argument. */
export const ARGUMENT_NAME_MAX = 200;

/** Becomes input/args.json. */
export const builderArgs = boundedRecord(z.string().min(1).max(ARGUMENT_NAME_MAX), z.json());

/** Could make our own marks or the loader do something else. */
const RESERVED_PREFIXES = ["EDGEFLOCK_", "PULUMI_", "LD_", "DYLD_"];
const RESERVED_NAMES = ["NODE_OPTIONS", "TMPDIR"];
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const VARIABLE_NAME_MAX = 200;
const NO_NUL = "must not contain a NUL";
const NO_VARIABLE = "is no name of a variable";
const RESERVED_VARIABLE = "sets a variable that belongs to Edgeflock, Pulumi or the system's loader";

const word = text(4096).regex(/^[^\0]*$/, NO_NUL);

export const command = z
  .array(word)
  .min(1, "must name a program")
  .max(100)
  .refine(([program]) => program !== "", "must name a program")
  .meta(cel(["size(self) == 0 || self[0] != ''", "must name a program"]));

export const environment = boundedRecord(
  z.string().max(VARIABLE_NAME_MAX).regex(VARIABLE, NO_VARIABLE),
  word,
  100,
)
  .refine((variables) => !Object.keys(variables).some(isReserved), { error: RESERVED_VARIABLE })
  .meta(
    cel(
      [`self.all(key, size(key) <= ${VARIABLE_NAME_MAX} && ${celMatches("key", VARIABLE)})`, NO_VARIABLE],
      [
        `self.all(key, !(key in ${celList(RESERVED_NAMES)})${RESERVED_PREFIXES.map((prefix) => ` && !key.startsWith('${prefix}')`).join("")})`,
        RESERVED_VARIABLE,
      ],
    ),
  );

function isReserved(name: string): boolean {
  return RESERVED_NAMES.includes(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

export const timeLimitMinutes = z
  .number()
  .positive()
  .max(24 * 60);

/** Anything that names a program's tools, since their versions cannot be known from outside. */
export const toolchain = text(200);

/** What a container may use. */
export const containerLimits = {
  network: z.boolean().describe("Whether the builder may use the network; default no.").optional(),
  memory: z
    .string()
    .max(7)
    .regex(/^[1-9][0-9]{0,5}[mg]$/, 'must be a size such as "512m" or "4g"')
    .describe("Most memory; default 4g.")
    .optional(),
  cpus: z.number().positive().max(1024).describe("Most processors; default 2.").optional(),
  processes: z
    .int()
    .min(1)
    .max(100_000)
    .describe("Most processes and threads at a time; default 1024.")
    .optional(),
};

export const image = z
  .string()
  .max(500)
  .regex(IMAGE_BY_DIGEST, "must be name@sha256:… or the id of an image of this machine, sha256:…")
  .describe("The image, by its digest.");

/** What a builder runs in. */
export const container = z
  .strictObject({ image, ...containerLimits })
  .meta({ title: "Container of a builder" });
