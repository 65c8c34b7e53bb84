// FleetAccess: who may do what with a fleet that is declared whole. Declares ServiceAccounts, Roles and their bindings,
// the users of a broker that takes them from us, and telemetry.

import * as pulumi from "@pulumi/pulumi";
import type { ArtifactReference } from "../builders/contract.ts";
import {
  ACCESS_ROLES,
  type AccessRole,
  type ArtifactObjects,
  accessPlan,
  accountName,
  artifactRules,
  type PlannedRole,
  type PolicyRule,
} from "../model/access-plan.ts";
import { mechanismOf } from "../model/mqtt-broker.ts";
import { objectLabels } from "../model/names.ts";
import { warnOfLockedOut } from "./board-warnings.ts";
import { warnOfConventions } from "./broker-warnings.ts";
import type { DevicesCluster } from "./devices-cluster.ts";
import { declareBroker } from "./fleet-broker.ts";
import { declareLedger } from "./fleet-ledger.ts";
import { declareTelemetry } from "./fleet-telemetry.ts";
import * as kubernetes from "./kubernetes.ts";
import { type Ownership, ownedMetadata, ownership } from "./ownership.ts";
import { visible } from "./visible.ts";

export interface FleetAccessArgs {
  cluster: DevicesCluster;
}

const RBAC = "rbac.authorization.k8s.io";

/**
 * Declare it after all classes, groups and devices of the cluster: it names each of them.
 *
 * @throws RunError where the cluster has one already; a class, group or device that is declared later throws too
 */
export class FleetAccess extends pulumi.ComponentResource {
  /** Name of the ServiceAccount of each role. */
  readonly accounts: Record<AccessRole, pulumi.Output<string>>;
  /** Names of the Secrets that together hold Mosquitto's password and ACL file; none for an external broker. */
  readonly brokerSecretNames: pulumi.Output<string[]>;

  constructor(name: string, args: FleetAccessArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("edgeflock:index:FleetAccess", name, {}, { parent: args.cluster, ...opts });
    const { cluster } = args;
    visible(() => cluster.registry.seal(`FleetAccess "${name}"`));
    const declare = new AccessDeclaration(this, cluster);
    const plan = accessPlan({
      namespace: cluster.namespaceName,
      cluster: cluster.clusterName,
      classes: cluster.registry.classes.map(([className]) => className),
      devices: cluster.registry.devices.map((device) => device.name),
      createsClusters: cluster.spec.access.createsClusters,
      brokerOperator: mechanismOf(cluster.spec.mqtt.broker) === "operator",
    });
    this.accounts = Object.fromEntries(
      ACCESS_ROLES.map((role) => [role, declare.account(role)]),
    ) as FleetAccess["accounts"];
    for (const role of plan.roles) declare.role(role, this.accounts[role.role]);
    for (const role of plan.clusterRoles) declare.clusterRole(role, this.accounts[role.role]);
    const ledger = declareLedger(name, this, cluster);
    this.brokerSecretNames = declareBroker(name, this, cluster, ledger)?.secretNames ?? pulumi.output([]);
    visible(() => declareTelemetry(name, this, cluster));
    // as an output, so that the program does not end before it has warned
    this.registerOutputs({
      warned: pulumi.all([warnOfLockedOut(this, cluster), warnOfConventions(this, cluster)]),
    });
  }
}

/** Declares single objects, under names that follow from the namespace alone. */
class AccessDeclaration {
  readonly #cluster: DevicesCluster;
  readonly #owned: Ownership;
  readonly #opts: pulumi.CustomResourceOptions;

  constructor(parent: FleetAccess, cluster: DevicesCluster) {
    this.#cluster = cluster;
    this.#owned = ownership(parent, [], undefined);
    this.#opts = { parent, provider: cluster.connection.provider };
  }

  account(role: AccessRole): pulumi.Output<string> {
    const name = accountName(role);
    const metadata = this.#metadata({ apiVersion: "v1", kind: "ServiceAccount", name });
    return new kubernetes.ServiceAccount(this.#resourceName(name), { metadata }, this.#opts).metadata.name;
  }

  role({ name, role, rules }: PlannedRole, account: pulumi.Output<string>): void {
    const api = { apiVersion: `${RBAC}/v1`, name };
    const resourceName = this.#resourceName(name);
    const all = role === "flasher" && name === accountName(role) ? this.#withArtifacts(rules) : rules;
    const created = new kubernetes.Role(
      resourceName,
      { metadata: this.#metadata({ ...api, kind: "Role" }), rules: all },
      this.#opts,
    );
    new kubernetes.RoleBinding(
      resourceName,
      {
        metadata: this.#metadata({ ...api, kind: "RoleBinding" }),
        roleRef: { apiGroup: RBAC, kind: "Role", name: created.metadata.name },
        subjects: [this.#subject(account)],
      },
      this.#opts,
    );
  }

  clusterRole({ name, rules }: PlannedRole, account: pulumi.Output<string>): void {
    const api = { apiVersion: `${RBAC}/v1`, name };
    const created = new kubernetes.ClusterRole(
      name,
      { metadata: this.#metadata({ ...api, kind: "ClusterRole" }, false), rules },
      this.#opts,
    );
    new kubernetes.ClusterRoleBinding(
      name,
      {
        metadata: this.#metadata({ ...api, kind: "ClusterRoleBinding" }, false),
        roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: created.metadata.name },
        subjects: [this.#subject(account)],
      },
      this.#opts,
    );
  }

  #subject(account: pulumi.Output<string>) {
    return { kind: "ServiceAccount", name: account, namespace: this.#cluster.namespaceName };
  }

  #resourceName(name: string): string {
    return `${this.#cluster.namespaceName}/${name}`;
  }

  #metadata(object: { apiVersion: string; kind: string; name: string }, namespaced = true) {
    const { place, clusterName, connection } = this.#cluster;
    const labels = objectLabels({ cluster: clusterName });
    return ownedMetadata(
      { ...object, ...(namespaced && { namespace: place }), labels },
      this.#owned,
      connection.api,
    );
  }

  /** The firmware's parts have their names from its digest, so they are known once it is built. */
  #withArtifacts(rules: PolicyRule[]): pulumi.Output<PolicyRule[]> {
    const artifacts = this.#cluster.registry.classes.map(([, deviceClass]) => deviceClass.artifact);
    const { secretName } = this.#cluster.artifacts;
    return pulumi
      .all(artifacts)
      .apply((references) => [...rules, ...artifactRules(artifactObjects(references, secretName))]);
  }
}

/** @param access Secret that gets whoever flashes into a store outside of the cluster */
function artifactObjects(references: ArtifactReference[], access: string | undefined): ArtifactObjects {
  const partsOf = (kind: "ConfigMap" | "Secret") =>
    references.flatMap(({ store }) =>
      store.kind === "cluster" && (store.objects ?? "ConfigMap") === kind ? store.parts : [],
    );
  return {
    configMaps: partsOf("ConfigMap"),
    secrets: [...partsOf("Secret"), ...(access === undefined ? [] : [access])],
  };
}
