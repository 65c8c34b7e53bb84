// `spec.artifacts` of a DevicesCluster: where firmware is kept, and how to get in there. Pure; touches nothing.
import { z } from "zod";
import { credentialSource } from "./schema-parts.ts";
import { text } from "./schema-text.ts";

const HOST = "([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:]+\\])(:[0-9]{1,5})?";

const s3Credentials = z
  .strictObject({ accessKeyId: credentialSource, secretAccessKey: credentialSource })
  .meta({
    id: "S3Credentials",
    description: "An access key of the S3 server: where its two parts come from.",
  });

const ociCredentials = z
  .strictObject({ username: credentialSource, password: credentialSource })
  .meta({ id: "OciCredentials", description: "A login of the registry: where its two parts come from." });

const FLASHING =
  "For whoever flashes: may read, and nothing else. Kept in Secret `<cluster>-artifact-access`. Default: what that person's own environment has, else none.";

const iam = z
  .strictObject({
    url: z
      .string()
      .max(300)
      .regex(
        new RegExp(`^https?://${HOST}$`),
        "must be a URL such as https://iam.example.com, without a path",
      )
      .describe("Where it is not AWS's: the URL of the server's IAM API.")
      .optional(),
    admin: s3Credentials
      .describe(
        "May manage users, their policies and access keys. Default: those that AWS's own tools would use.",
      )
      .optional(),
    generation: z
      .int()
      .min(1)
      .max(1_000_000)
      .describe("Raise it by one to give both users new keys.")
      .default(1),
  })
  .meta({
    title: "IAM",
    description:
      "Makes two users for this fleet alone, whose rights end at its bucket and prefix: one that keeps firmware there, and one that reads it for whoever flashes. Instead of `credentials` and `flashing`.",
  });

const s3 = z.strictObject({
  kind: z.literal("s3").describe("In a bucket of AWS, or of any server that speaks S3."),
  bucket: z
    .string()
    .max(63)
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "must be the name of a bucket, which is there already"),
  prefix: z
    .string()
    .max(200)
    .regex(
      /^([A-Za-z0-9][A-Za-z0-9_.-]*\/)*$/,
      'must be empty or end with "/": letters, digits, "_", "." and "-", in folders',
    )
    .describe("Put before the name of every object.")
    .default(""),
  region: z
    .string()
    .max(40)
    .regex(/^[a-z0-9-]{1,40}$/, "must be a region, such as eu-central-1")
    .default("us-east-1"),
  endpoint: z
    .string()
    .max(300)
    .regex(new RegExp(`^https?://${HOST}$`), "must be a URL such as https://s3.example.com, without a path")
    .describe("Where it is no bucket of AWS: the server's URL. Requests then name the bucket in their path.")
    .optional(),
  credentials: s3Credentials
    .describe("May read, write, delete and list there. Default: those that AWS's own tools would use.")
    .optional(),
  flashing: s3Credentials.describe(FLASHING).optional(),
  iam: iam.optional(),
});

const oci = z.strictObject({
  kind: z.literal("oci").describe("In a container registry, as OCI artefacts."),
  repository: z
    .string()
    .max(255)
    .regex(
      new RegExp(`^${HOST}(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$`),
      "must be a registry and a repository: registry.example:5000/greenhouse/firmware",
    ),
  plainHttp: z.boolean().describe("Talk to the registry without TLS; passwords too.").default(false),
  credentials: ociCredentials.describe("May pull, push and delete there. Default: none.").optional(),
  flashing: ociCredentials.describe(FLASHING).optional(),
});

export const artifacts = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("cluster").describe("In the cluster itself, as immutable ConfigMaps."),
    }),
    z.strictObject({
      kind: z.literal("directory").describe("In a folder of this machine."),
      path: text(1000)
        .min(1)
        .regex(/^\P{Cc}+$/u, "must not contain control characters"),
    }),
    s3,
    oci,
  ])
  .describe("Where firmware artefacts are kept.")
  .default({ kind: "cluster" });

export type ArtifactsSpec = z.output<typeof artifacts>;

/** Every credential of it, by its path below `spec.artifacts`. */
export function artifactCredentials(
  spec: ArtifactsSpec,
): { path: string[]; source: z.output<typeof credentialSource> }[] {
  if (spec.kind !== "s3" && spec.kind !== "oci") return [];
  const parts: [path: string[], given: object | undefined][] = [
    [["credentials"], spec.credentials],
    [["flashing"], spec.flashing],
    [["iam", "admin"], spec.kind === "s3" ? spec.iam?.admin : undefined],
  ];
  return parts.flatMap(([path, given]) =>
    Object.entries(given ?? {}).map(([name, source]) => ({ path: [...path, name], source })),
  );
}

const OWN_USERS = "is what iam makes; remove it, or iam";

/** What no member of the union can say of itself to the API server too. */
export function artifactProblems(spec: ArtifactsSpec): { path: PropertyKey[]; message: string }[] {
  if (spec.kind !== "s3" || !spec.iam) return [];
  return (["credentials", "flashing"] as const)
    .filter((part) => spec[part] !== undefined)
    .map((part) => ({ path: ["artifacts", part], message: OWN_USERS }));
}

/** `artifactProblems` as rules about a cluster's spec. */
export const ARTIFACT_RULES: [rule: string, message: string][] = [
  [
    "!has(self.artifacts) || !has(self.artifacts.iam) || !(has(self.artifacts.credentials) || has(self.artifacts.flashing))",
    `artifacts.credentials (or flashing) ${OWN_USERS}`,
  ],
];
