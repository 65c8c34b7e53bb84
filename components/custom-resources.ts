// CustomResources: the four kinds as kinds of the Kubernetes API, with the checks that manifests have. Declares
// CustomResourceDefinitions, ValidatingAdmissionPolicies and their bindings.

import * as pulumi from "@pulumi/pulumi";
import { type AdmissionObject, admissionObjects } from "../model/custom-resources/admission-policies.ts";
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
} from "../model/custom-resources/definitions.ts";
import * as kubernetes from "./kubernetes.ts";
import { type KubernetesArgs, kubernetesConnection } from "./kubernetes-connection.ts";
import { ownedMetadata, ownership } from "./ownership.ts";
import { visible } from "./visible.ts";

export interface CustomResourcesArgs {
  /** Which Kubernetes. @default what the stack's configuration says (`edgeflock:kubeContext`) */
  kubernetes?: KubernetesArgs;
}

/**
 * Once a Kubernetes, in a stack of its own: every fleet in the cluster uses them. They stay when the stack is destroyed,
 * as a definition that is deleted takes all objects of its kind with it.
 */
export class CustomResources extends pulumi.ComponentResource {
  /** Names of the definitions, known once they are there. */
  readonly names: pulumi.Output<string[]>;

  constructor(name: string, args: CustomResourcesArgs = {}, opts: pulumi.ComponentResourceOptions = {}) {
    super("edgeflock:index:CustomResources", name, {}, opts);
    const { provider, api } = visible(() => kubernetesConnection(name, args.kubernetes, this));
    const owned = ownership(this, [], undefined);
    const child = { parent: this, provider, retainOnDelete: true };
    const metadata = (object: CustomResourceDefinition | AdmissionObject) =>
      ownedMetadata(
        {
          apiVersion: object.apiVersion,
          kind: object.kind,
          name: object.metadata.name,
          labels: { "app.kubernetes.io/managed-by": "edgeflock" },
        },
        owned,
        api,
      );
    const definitions = customResourceDefinitions().map(
      (definition) =>
        new kubernetes.CustomResourceDefinition(
          definition.metadata.name,
          {
            metadata: metadata(definition),
            spec: definition.spec as kubernetes.input.apiextensions.v1.CustomResourceDefinitionSpec,
          },
          child,
        ),
    );
    for (const object of admissionObjects()) {
      const spec = object.spec as never;
      const policyOpts = { ...child, dependsOn: definitions };
      if (object.kind === "ValidatingAdmissionPolicy") {
        new kubernetes.ValidatingAdmissionPolicy(
          object.metadata.name,
          { metadata: metadata(object), spec },
          policyOpts,
        );
      } else {
        new kubernetes.ValidatingAdmissionPolicyBinding(
          object.metadata.name,
          { metadata: metadata(object), spec },
          policyOpts,
        );
      }
    }
    this.names = pulumi.all(definitions.map((definition) => definition.metadata.name));
    this.registerOutputs({});
  }
}
