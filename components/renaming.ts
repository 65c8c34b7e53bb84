// What `formerly` means for a component: its aliases, former resource names, and the name that its secrets derive from.
// Pure.
import type * as pulumi from "@pulumi/pulumi";
import { formerNames, type Place } from "../model/former-names.ts";

export interface Renaming {
  original: Place;
  former: Place[];
  /** Names that the resource had. */
  formerResources: string[];
  aliases: pulumi.Alias[];
  /** "from cam-001"; undefined where it was never renamed. */
  renamed: string | undefined;
  /** Inputs of the component, which a preview shows. */
  shown: { renamed?: string };
}

/**
 * @param resourceName `<namespace>/<name>` or `<name>` where it follows the name; else it isn't changed by a rename,
 *   and only the program knows what it was before
 */
export function renaming(resourceName: string, now: Place, formerly: readonly string[]): Renaming {
  const { original, former } = formerNames(formerly, now);
  const resourceOf = ({ namespace, name }: Place) => {
    if (resourceName === `${now.namespace}/${now.name}`) return [`${namespace}/${name}`];
    return resourceName === now.name ? [name] : [];
  };
  const formerResources = former.flatMap(resourceOf).filter((name) => name !== resourceName);
  const last = formerly.at(-1);
  const renamed = last === undefined ? undefined : `from ${last}`;
  return {
    original,
    former,
    formerResources,
    aliases: formerResources.map((name) => ({ name })),
    renamed,
    shown: renamed === undefined ? {} : { renamed },
  };
}

/** Options of a component with the aliases that its former names ask for. */
export function withAliases(
  { aliases }: Renaming,
  opts: pulumi.ComponentResourceOptions,
): pulumi.ComponentResourceOptions {
  if (aliases.length === 0) return opts;
  return { ...opts, aliases: [...(opts.aliases ?? []), ...aliases] };
}

/** `formerly` as a program's argument, before it is checked: a component's aliases are due before that. */
export function givenFormerly(args: { formerly?: readonly string[] | undefined }): string[] {
  return Array.isArray(args.formerly)
    ? args.formerly.filter((name): name is string => typeof name === "string")
    : [];
}
