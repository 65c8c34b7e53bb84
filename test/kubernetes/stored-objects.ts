// Kubernetes objects in memory, for code that lists them by labels, reads, creates and deletes them.
import { expect } from "vitest";
import type { KubernetesObject } from "../../kubernetes/api.ts";
import { KubernetesError } from "../../kubernetes/kubernetes-error.ts";

export type Stored = KubernetesObject & { data?: object; binaryData?: Record<string, string>; spec?: object };

/** As much of an API server as keeps objects and finds them by their labels. */
export class StoredObjects {
  readonly all: Stored[] = [];
  readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  list({ kind }: { kind: string }, { labelSelector = "" } = {}): Promise<Stored[]> {
    const wanted = labelSelector.split(",").map((one) => one.split("="));
    const fits = ({ metadata: { labels = {} } }: Stored) =>
      wanted.every(([name, value]) => (value === undefined ? name! in labels : labels[name!] === value));
    return Promise.resolve(this.all.filter((one) => one.kind === kind && fits(one)));
  }
  listMetadata(of: { kind: string }, options: { labelSelector?: string }) {
    return this.list(of, options);
  }
  getOrUndefined({ kind, metadata: { name } }: Stored): Promise<Stored | undefined> {
    return Promise.resolve(this.all.find((one) => one.kind === kind && one.metadata.name === name));
  }
  async create(object: Stored): Promise<Stored> {
    if (await this.getOrUndefined(object)) {
      throw new KubernetesError(409, "AlreadyExists", "it is there");
    }
    this.all.push(object);
    return object;
  }
  async delete(address: Stored): Promise<void> {
    this.all.splice(this.all.indexOf((await this.getOrUndefined(address))!), 1);
  }
  request(
    method: string,
    path: string,
    options: { query?: { labelSelector?: string } } = {},
  ): Promise<unknown> {
    if (method === "POST") return Promise.resolve({ status: { userInfo: { username: "someone" } } });
    expect(path).toBe(`/api/v1/namespaces/${this.namespace}/secrets`);
    return this.list({ kind: "Secret" }, options.query).then((items) => ({ items, metadata: {} }));
  }
}
