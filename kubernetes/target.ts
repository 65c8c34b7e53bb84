// Which Kubernetes a stack means, from its configuration. Touches nothing.
import { VisibleError } from "../model/visible-error.ts";

/** A kubeconfig file and a context in it, both as `connect` and the kubernetes provider take them. */
export interface KubernetesTarget {
  kubeconfig?: string;
  context?: string;
}

/** The embedded Kubernetes, relative to the project's folder, so that a checkout can move. */
export const EMBEDDED: KubernetesTarget = { kubeconfig: ".edgeflock/kubernetes/kubeconfig" };

/**
 * Reads `edgeflock:kubernetes` ("embedded") or `edgeflock:kubeContext` (and `edgeflock:kubeconfig`).
 * One of them must be there: the current context of a shell is too easily somebody's production.
 *
 * @param get looks up a key of the namespace `edgeflock`
 */
export function targetFromConfig(get: (key: string) => string | undefined): KubernetesTarget {
  const kind = get("kubernetes");
  const context = get("kubeContext");
  const kubeconfig = get("kubeconfig");
  if (kind === "embedded") return EMBEDDED;
  if (kind !== undefined) {
    throw new VisibleError(`edgeflock:kubernetes is "${kind}"; the only value it takes is "embedded".`, {
      hint: "For a cluster of your own set edgeflock:kubeContext instead.",
    });
  }
  if (context !== undefined) return kubeconfig === undefined ? { context } : { context, kubeconfig };
  throw new VisibleError("This stack does not say which Kubernetes it lives in.", {
    hint: 'Name a kube-context with "pulumi config set edgeflock:kubeContext NAME", or use the embedded one with "pulumi config set edgeflock:kubernetes embedded".',
  });
}
