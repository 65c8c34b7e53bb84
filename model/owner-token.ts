// The token that objects of ours bear: whose they are. Pure; touches nothing.

const CLUSTER = "edgeflock:index:DevicesCluster";

/** The same resource's token in another stack. @param stack `<project>/<stack>` */
export function ownerTokenIn(stack: string, owner: string): string {
  return [stack, ...owner.split("/").slice(2)].join("/");
}

/**
 * `<project>/<stack>/<resource>`. A component in an unusual place of the program has that in its token too: were it
 * moved without an alias, the engine would create it anew and then delete the old one, which is the same object.
 *
 * @param name of the resource, where it isn't the URN's
 */
export function ownerToken(urn: string, name?: string): string {
  const [, , stackPart = "", project = "", type = "", ...rest] = urn
    .replace(/^urn:pulumi:/, "urn::pulumi::")
    .split("::");
  const resource = name ?? rest.join("::");
  const isUsual = type === CLUSTER || new RegExp(`^${CLUSTER}\\$edgeflock:index:\\w+$`).test(type);
  return [project, stackPart, ...(isUsual ? [] : [type]), resource].join("/");
}
