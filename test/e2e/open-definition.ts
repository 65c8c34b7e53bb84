// A stand-in for the definition of one of RabbitMQ's own kinds, which come with its operators.
import type { KubernetesObject } from "../../kubernetes/api.ts";

/** A kind with which an object says what it likes. */
export function openDefinition(kind: string, plural: string): KubernetesObject {
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.rabbitmq.com` },
    spec: {
      group: "rabbitmq.com",
      scope: "Namespaced",
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [{ name: "v1beta1", served: true, storage: true, schema: { openAPIV3Schema: open } }],
    },
  };
}
