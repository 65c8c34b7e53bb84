// DevicesCluster: one site or customer. Declares its Namespace and Secret, and keeps the register of its fleet.

import * as pulumi from "@pulumi/pulumi";
import type { KubernetesObject } from "../kubernetes/api.ts";
import type { Adopted } from "../model/adopted.ts";
import { ROOT_KEY_ANNOTATION } from "../model/annotations.ts";
import { rootKeyFingerprint } from "../model/derivation.ts";
import type { Place } from "../model/former-names.ts";
import { clusterSecretName, type Kind, objectLabels } from "../model/names.ts";
import type { Layer } from "../model/resolve.ts";
import {
  type DevicesClusterSpec,
  type DevicesClusterSpecInput,
  devicesClusterSpec,
} from "../model/schema.ts";
import { VisibleError } from "../model/visible-error.ts";
import { adoptedValues } from "./adopted-values.ts";
import { type ArtifactAccess, declareArtifactAccess } from "./artifact-access.ts";
import type { DeviceClass } from "./device-class.ts";
import { type Eventually, eventually } from "./eventually.ts";
import { FleetCredentials } from "./fleet-credentials.ts";
import { FleetRegistry } from "./fleet-registry.ts";
import * as kubernetes from "./kubernetes.ts";
import {
  type KubernetesArgs,
  type KubernetesConnection,
  kubernetesConnection,
} from "./kubernetes-connection.ts";
import { layerSecret } from "./layer-secret.ts";
import { ownedMetadata, ownership, urnOf } from "./ownership.ts";
import { clusterAddresses, generatedSecrets } from "./policy-facts.ts";
import { givenFormerly, renaming, withAliases } from "./renaming.ts";
import { rootKey } from "./root-key.ts";
import { type SecretInput, type SecretPlace, secretValue } from "./secret-values.ts";
import { checkedSpec, type MetadataArgs, type SpecArgs } from "./spec-args.ts";
import { reportable, visible } from "./visible.ts";

export interface DevicesClusterArgs extends SpecArgs<DevicesClusterSpecInput> {
  metadata?: MetadataArgs;
  /** Which Kubernetes. @default what the stack's configuration says (`edgeflock:kubeContext`) */
  kubernetes?: KubernetesArgs;
  /**
   * Whether the Namespace may be there already, and stays when the fleet goes: it holds the objects that declare the
   * fleet. @default false
   */
  keepNamespace?: boolean;
}

/**
 * Everything of one site lives in one Kubernetes namespace, which this component creates.
 *
 * @throws RunError for arguments that a manifest could not have either
 */
export class DevicesCluster extends pulumi.ComponentResource {
  readonly clusterName: string;
  /** Its oldest name. @internal */ readonly original: string;
  /** Name of the Kubernetes namespace. */
  readonly namespaceName: string;
  /** The same, known once the Namespace is there. */
  readonly namespace: pulumi.Output<string>;
  readonly spec: Omit<DevicesClusterSpec, "secrets">;
  /** @internal */ readonly connection: KubernetesConnection;
  /** @internal */ readonly registry = new FleetRegistry<DeviceClass>();
  /** @internal */ readonly layer: Layer<SecretInput>;
  /** @internal */ readonly knownUrn: Eventually<string>;
  readonly #secrets = new Map<string, pulumi.Output<string>>();
  readonly #originals = new Map<string, Place>();
  /** Base64, secret. @internal */ readonly rootKey: pulumi.Output<string>;
  /** Secret. @internal */ readonly adopted: pulumi.Output<Adopted>;
  /** Where the classes' firmware is kept. @internal */ readonly artifacts: ArtifactAccess;
  /** @internal */ readonly credentials: FleetCredentials;

  constructor(name: string, args: DevicesClusterArgs, opts: pulumi.ComponentResourceOptions = {}) {
    const renamed = renaming(
      name,
      { namespace: args.namespace, name: args.metadata?.name ?? name },
      givenFormerly(args),
    );
    const { metadata, kubernetes: kubernetesArgs, keepNamespace = false, ...specArgs } = args;
    const checked = visible(() =>
      checkedSpec("DevicesCluster", name, metadata, devicesClusterSpec, specArgs),
    );
    const shown = {
      ...renamed.shown,
      ...clusterAddresses(checked.spec),
      ...generatedSecrets(checked.secrets),
    };
    super("edgeflock:index:DevicesCluster", name, shown, withAliases(renamed, opts));
    this.clusterName = checked.name;
    this.knownUrn = eventually(urnOf(this));
    this.original = renamed.original.name;
    this.spec = checked.spec;
    this.namespaceName = checked.spec.namespace;
    this.layer = {
      kind: "DevicesCluster",
      name: checked.name,
      settings: checked.spec.settings,
      secrets: checked.secrets,
    };
    this.rootKey = rootKey();
    this.connection = visible(() => kubernetesConnection(name, kubernetesArgs, this));
    this.adopted = adoptedValues(this.connection.api, this.namespaceName);
    this.credentials = new FleetCredentials(this.connection.api, this.namespaceName);
    this.setOriginal("DevicesCluster", checked.name, renamed.original);
    const owned = ownership(this, renamed.formerResources, renamed.renamed);
    const child = { parent: this, provider: this.connection.provider };
    const labels = { ...metadata?.labels, ...objectLabels({ cluster: checked.name }) };
    const namespace = new kubernetes.Namespace(
      name,
      {
        metadata: ownedMetadata(
          {
            apiVersion: "v1",
            kind: "Namespace",
            name: this.namespaceName,
            labels,
            annotations: { [ROOT_KEY_ANNOTATION]: this.#rootKeyFingerprint() },
            nobodys: keepNamespace,
          },
          owned,
          this.connection.api,
        ),
      },
      { ...child, retainOnDelete: keepNamespace },
    );
    this.namespace = namespace.metadata.name;
    visible(() =>
      layerSecret(
        name,
        {
          kind: "DevicesCluster",
          of: checked.name,
          secretName: clusterSecretName(checked.name),
          cluster: this,
          ownership: owned,
          labels,
          settings: checked.spec.settings,
          secrets: checked.secrets,
        },
        child,
      ),
    );
    this.artifacts = visible(() => declareArtifactAccess(name, this, owned, labels, child));
    this.registerOutputs({ namespace: this.namespace });
  }

  /** The value of a secret that a layer of this cluster declares; the same output for every device that gets it. @internal */
  secretOf(place: SecretPlace, source: SecretInput): pulumi.Output<string> {
    const id = place.join("/");
    const known = this.#secrets.get(id);
    if (known) return known;
    const [kind, name, key] = place;
    const value = secretValue(source, {
      kind: kind as Kind,
      original: this.#originals.get(`${kind}/${name}`) ?? { namespace: this.namespaceName, name },
      key,
      namespace: this.namespaceName,
      target: this.connection.target,
      adopted: this.adopted,
    });
    this.#secrets.set(id, value);
    return value;
  }

  /**
   * Resolves when all that devices derive from is known, or will stay unknown: what is declared then costs less.
   *
   * @internal
   */
  async settled(): Promise<void> {
    const { clusterUid } = this.connection;
    const outputs = [this.rootKey, this.adopted, clusterUid, ...this.#secrets.values()];
    await Promise.all([
      this.knownUrn.settled(),
      // What fails here is said by the devices that ask for it.
      this.credentials.known().catch(() => undefined),
      ...outputs.map((output) => eventually<unknown>(output).settled()),
    ]);
  }

  /** Notes the oldest name of the cluster itself or of a member, before any of its secrets is asked for. @internal */
  setOriginal(kind: Kind, name: string, original: Place): void {
    this.#originals.set(`${kind}/${name}`, original);
  }

  /** Of the key that is in use here, once it is sure that what is there derives from no other. */
  #rootKeyFingerprint(): pulumi.Output<string> {
    const address = { apiVersion: "v1", kind: "Namespace", metadata: { name: this.namespaceName } };
    const fingerprint = this.rootKey.apply((key) =>
      reportable(async () => {
        const ours = rootKeyFingerprint(key);
        const live = await (await this.connection.api()).getOrUndefined<KubernetesObject>(address);
        if (live) refuseOtherRootKey(live, ours);
        return ours;
      }),
    );
    return pulumi.unsecret(fingerprint);
  }

  /** The namespace as objects in it name it. @internal */
  get place(): { name: string; output: pulumi.Output<string> } {
    return { name: this.namespaceName, output: this.namespace };
  }
}

/** A namespace of ours whose credentials derive from a key that this stack no longer has. */
function refuseOtherRootKey(live: KubernetesObject, ours: string): void {
  const theirs = live.metadata.annotations?.[ROOT_KEY_ANNOTATION];
  if (theirs === undefined || theirs === ours) return;
  const { name } = live.metadata;
  throw new VisibleError(
    `The credentials in the namespace ${name} come from another root key than this stack's: its state was lost, or is another one's.`,
    {
      hint: `Restore the state, or take what is there into this stack without changing a credential: edgeflock adopt ${name}. Nothing was changed.`,
    },
  );
}
