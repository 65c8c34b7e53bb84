// How the reconciler reaches its Kubernetes: our own client for requests, the client library's configuration for
// watches. Reads kubeconfig files, again whenever the connection was lost: address and credentials may have changed.
import { KubeConfig } from "@kubernetes/client-node";
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";
import { fillLibraryConfig, kubeconfigPaths } from "../../kubernetes/kubeconfig.ts";
import type { KubernetesTarget } from "../../kubernetes/target.ts";

export class ClusterAccess {
  /** The same object for good; its content is renewed. */
  readonly config = new KubeConfig();
  readonly #target: KubernetesTarget;
  #api: KubernetesApi;

  private constructor(target: KubernetesTarget, api: KubernetesApi) {
    this.#target = target;
    this.#api = api;
  }

  /** @throws VisibleError where no kubeconfig or context fits */
  static async open(target: KubernetesTarget): Promise<ClusterAccess> {
    const access = new ClusterAccess(target, await connect(target));
    await access.renew();
    return access;
  }

  get api(): KubernetesApi {
    return this.#api;
  }

  async renew(): Promise<void> {
    this.#api = await connect(this.#target);
    fillLibraryConfig(this.config, kubeconfigPaths(this.#target.kubeconfig), this.#api.contextName);
  }
}
