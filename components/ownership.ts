// Who owns the Kubernetes objects of a component, and the check before one is written: our creates write over what
// exists, so that a run goes on where a killed one stopped; therefore nobody else's object may be there.
// Asks the API server.
import * as pulumi from "@pulumi/pulumi";
import { fieldManager } from "../dynamic-providers/field-manager.ts";
import type { KubernetesApi } from "../kubernetes/api.ts";
import { OWNER_ANNOTATION, refuseForeign } from "../kubernetes/owned-object.ts";
import { ownerToken } from "../model/owner-token.ts";
import type { Eventually } from "./eventually.ts";
import { liveMetadata } from "./live-objects.ts";
import { reportable } from "./visible.ts";

/** Annotation of the Kubernetes provider: the field manager, else a random one for each try. */
const FIELD_MANAGER_ANNOTATION = "pulumi.com/patchFieldManager";
export const RENAMED_ANNOTATION = "edgeflock.io/renamed";

export interface Ownership {
  /** The token that the component's objects bear. */
  owner: pulumi.Output<string>;
  /** That, and those of its former names. */
  accepted: pulumi.Output<string[]>;
  /** "from cam-001", where it had another name. */
  renamed: string | undefined;
}

/** @param formerNames names that the component's resource had */
export function ownership(
  component: pulumi.Resource,
  formerNames: readonly string[],
  renamed: string | undefined,
): Ownership {
  const urn = urnOf(component);
  return {
    owner: urn.apply((known) => ownerToken(known)),
    accepted: urn.apply((known) => [
      ownerToken(known),
      ...formerNames.map((name) => ownerToken(known, name)),
    ]),
    renamed,
  };
}

/**
 * The token of a component that is declared inside another one, without waiting for the engine to know it.
 *
 * @param parentUrn of the other one, as `urnOf` gives it
 */
export function ownerInside(parentUrn: Eventually<string>, type: string, name: string): Eventually<string> {
  return parentUrn.map((urn) => {
    const [stack, project, parentType] = urn.split("::");
    return ownerToken([stack, project, `${parentType}$${type}`, name].join("::"));
  });
}

/** Without a dependency on the component: its children would wait for it, and it for its children. */
export function urnOf(component: pulumi.Resource): pulumi.Output<string> {
  return pulumi.output(new Promise<string>((resolve) => void component.urn.apply(resolve)));
}

export interface ObjectArgs {
  apiVersion: string;
  kind: string;
  name: string;
  /** Not for a Namespace itself. */
  namespace?: { name: string; output: pulumi.Input<string> };
  labels: Record<string, string>;
  annotations?: Record<string, pulumi.Input<string>>;
  /** Whether one that bears no token may be taken over. @default false */
  nobodys?: boolean;
}

/** The metadata of an object of ours: its name is known once it is known that the object may be written. */
export function ownedMetadata(
  object: ObjectArgs,
  { owner, accepted, renamed }: Ownership,
  api: () => Promise<KubernetesApi>,
) {
  const { apiVersion, kind, name, namespace, labels, annotations, nobodys } = object;
  const address = { apiVersion, kind, metadata: { name, ...(namespace && { namespace: namespace.name }) } };
  return {
    name: accepted.apply(async (tokens) => {
      await reportable(async () => {
        const live = await liveMetadata(await api(), address);
        if (live) refuseForeign(live, tokens, nobodys);
      });
      return name;
    }),
    ...(namespace && { namespace: namespace.output }),
    labels,
    annotations: {
      ...annotations,
      [OWNER_ANNOTATION]: owner,
      [FIELD_MANAGER_ANNOTATION]: owner.apply(fieldManager),
      ...(renamed !== undefined && { [RENAMED_ANNOTATION]: renamed }),
    },
  };
}
