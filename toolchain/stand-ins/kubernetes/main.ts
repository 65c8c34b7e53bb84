// A stand-in for pulumi-resource-kubernetes: any kind that the API server serves, with the ids, inputs,
// outputs and replacements of the official plugin, so that a stack can move between the two with 0 changes.
// A bridge for places where the official plugin cannot be had, kept small: no Helm, Kustomize, YAML or
// Patch resources. Talks to the API server that the provider's configuration names.
import { engineAddressOf } from "../plugin-server.ts";
import { serveKubernetes } from "./kubernetes-provider.ts";

await serveKubernetes({ engineAddress: engineAddressOf(process.argv.slice(2)) });
