// How the reconciler reaches its Kubernetes. Reads kubeconfig files, again whenever the connection was lost: address and
// credentials may have changed.
import { connect, type KubernetesApi } from "../../kubernetes/api.ts";
import type { KubernetesTarget } from "../../kubernetes/target.ts";

export class ClusterAccess {
  readonly #target: KubernetesTarget;
  #api: KubernetesApi;

  private constructor(target: KubernetesTarget, api: KubernetesApi) {
    this.#target = target;
    this.#api = api;
  }

  /** @throws VisibleError where no kubeconfig or context fits */
  static async open(target: KubernetesTarget): Promise<ClusterAccess> {
    return new ClusterAccess(target, await connect(target));
  }

  get api(): KubernetesApi {
    return this.#api;
  }

  async renew(): Promise<void> {
    this.#api = await connect(this.#target);
  }
}
