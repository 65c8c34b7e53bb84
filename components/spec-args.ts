// Arguments of the four components: a manifest's spec, whose secrets may also be outputs of the program. Pure.
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { describeSpecIssues } from "../model/check-manifest.ts";
import { type Kind, nameProblem } from "../model/names.ts";
import { VisibleError } from "../model/visible-error.ts";
import { isSecretSource, type SecretInput } from "./secret-values.ts";

/** A spec as a program writes it. */
export type SpecArgs<Spec> = Omit<Spec, "secrets"> & {
  /** A source as in a manifest, or a value or output of the program. */
  secrets?: Record<string, SecretInput>;
};

/** Name and labels, as in a manifest. */
export interface MetadataArgs {
  /** @default the resource's name */
  name?: string;
  labels?: Record<string, string>;
}

export interface CheckedSpec<Spec> {
  name: string;
  spec: Omit<Spec, "secrets">;
  secrets: Record<string, SecretInput>;
}

/**
 * Checks name and spec by the schema that checks manifests, and fills in the defaults.
 *
 * @throws VisibleError with everything that is wrong
 */
export function checkedSpec<Schema extends z.ZodType<{ secrets: unknown }>>(
  kind: Kind,
  resourceName: string,
  metadata: MetadataArgs | undefined,
  schema: Schema,
  args: SpecArgs<z.input<Schema>>,
): CheckedSpec<z.output<Schema>> {
  const name = metadata?.name ?? resourceName;
  const given = (args as { secrets?: Record<string, SecretInput> }).secrets ?? {};
  const written = { ...args, secrets: withoutOutputs(given) };
  const result = schema.safeParse(written);
  const problems = describeSpecIssues(kind, written, result.error?.issues ?? []);
  const wrongName = nameProblem(kind, name);
  if (wrongName) problems.unshift(`name: ${wrongName}`);
  if (problems.length > 0 || !result.success) {
    throw new VisibleError(problems.map((problem) => `${kind} "${name}": ${problem}`).join("\n"));
  }
  const { secrets: _, ...spec } = result.data;
  return { name, spec: spec as Omit<z.output<Schema>, "secrets">, secrets: given };
}

/** The schema knows sources only; an output stands for one here, so that its key is checked all the same. */
function withoutOutputs(secrets: Record<string, SecretInput>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(secrets).map(([key, value]) => [
      key,
      isSecretSource(value) || !isProgramValue(value) ? value : { random: { length: 24 } },
    ]),
  );
}

/** An output, a promise, or text: in a program a text is a variable's value, not a literal of a manifest in git. */
function isProgramValue(value: unknown): boolean {
  return typeof value === "string" || pulumi.Output.isInstance(value) || value instanceof Promise;
}
