// Check and Diff of one object: what its inputs come to, and what a change of them does. Asks the API
// server only whether a kind lives in namespaces, and that once.
// Behaviour after pulumi-kubernetes, provider/pkg/provider/provider.go
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import type { KubernetesApi } from "../../../kubernetes/api.ts";
import { VisibleError } from "../../../model/visible-error.ts";
import type { Tell } from "../engine-log.ts";
import { contains, differences, parsePath, pathText } from "../object-diff.ts";
import { isObject, type Properties, specialKind, type Value } from "../property-values.ts";
import { properties, propertyDiff, struct } from "../provider-messages.ts";
import {
  addressOf,
  annotateSecrets,
  annotation,
  checkpointOf,
  normalized,
  objectOf,
  pruned,
  text,
} from "./api-object.ts";
import { isUnknownKind } from "./cluster-objects.ts";
import { kindOf, nameOf, refused } from "./object-kind.ts";
import { assignName, isAutonamed, isNamed } from "./object-name.ts";
import type { ProviderConfig } from "./provider-config.ts";
import { replacingFields } from "./replacing-fields.ts";

/** What the operations of a provider share. */
export interface Surroundings {
  config(): ProviderConfig;
  api(): Promise<KubernetesApi>;
  tell: Tell;
}

export async function check(here: Surroundings, request: pb.CheckRequest): Promise<pb.CheckResponse> {
  kindOf(request.getUrn());
  const news = properties(request.getNews());
  refuseAssets(news);
  const inputs = normalized(objectOf(news));
  for (const name of REFUSED_ANNOTATIONS) {
    if (annotation(inputs, name)) throw refused(`the annotation ${name}`);
  }
  const olds = request.getOlds() ? objectOf(properties(request.getOlds())) : {};
  const autonaming = request.getAutonaming();
  assignName(inputs, Object.keys(olds).length > 0 ? olds : undefined, {
    resourceName: nameOf(request.getUrn()),
    randomSeed: request.getRandomseed_asU8(),
    autonaming: autonaming && {
      disabled: autonaming.getMode() === pb.CheckRequest.AutonamingOptions.Mode.DISABLE,
      proposedName: autonaming.getProposedName(),
    },
  });
  const metadata = inputs.metadata as Properties;
  if (!metadata.namespace && (await isNamespaced(here, inputs))) {
    metadata.namespace = here.config().namespace ?? (await here.api()).namespace;
  }
  const response = new pb.CheckResponse();
  response.setInputs(struct(annotateSecrets(inputs, news)));
  return response;
}

/** What they ask for is not done here, and leaving it out in silence would be wrong. */
const REFUSED_ANNOTATIONS = ["pulumi.com/waitFor", "pulumi.com/replaceUnready"];

function refuseAssets(value: Value): void {
  const special = specialKind(value);
  if (special) throw new VisibleError(`A Kubernetes object cannot hold an ${special}.`);
  if (isObject(value) || Array.isArray(value)) Object.values(value).forEach(refuseAssets);
}

/** A kind that the server does not know (yet) is taken for namespaced, as most custom resources are. */
export async function isNamespaced(here: Surroundings, object: Properties): Promise<boolean> {
  try {
    return await (await here.api()).isNamespaced(addressOf(object));
  } catch (error) {
    if (isUnknownKind(error)) return true;
    throw error;
  }
}

export async function diff(here: Surroundings, request: pb.DiffRequest): Promise<pb.DiffResponse> {
  const state = checkpointOf(properties(request.getOlds()));
  const news = normalized(objectOf(properties(request.getNews())));
  const olds = normalized(state.inputs);
  const before = pruned(state.live, olds) as Properties;
  const namespaced = await isNamespaced(here, news);
  for (const object of [before, news, olds]) settleNamespace(object, namespaced);
  const oldName = text(state.live, "metadata", "name");
  if (isObject(before.metadata)) {
    delete before.metadata.resourceVersion;
    if (text(news, "metadata", "name")) before.metadata.name = oldName;
  }
  const ignored = request.getIgnorechangesList().map(parsePath);
  const found = differences(before, olds, news, replacingFields(news, here.config().mutable)).filter(
    ({ path }) => !ignored.some((ancestor) => contains(ancestor, path)),
  );

  const response = new pb.DiffResponse();
  const { DIFF_SOME, DIFF_NONE } = pb.DiffResponse.DiffChanges;
  response.setChanges(found.length > 0 ? DIFF_SOME : DIFF_NONE);
  response.setHasdetaileddiff(true);
  for (const { path, change, replaces, inputDiff } of found) {
    response.getDetaileddiffMap().set(pathText(path), propertyDiff(change, { replaces, inputDiff }));
  }
  const replacing = found.filter(({ replaces }) => replaces).map(({ path }) => pathText(path));
  response.setReplacesList(replacing);
  // The successor cannot stand beside the object where it must have the same name in the same place.
  response.setDeletebeforereplace(
    replacing.length > 0 &&
      isNamed(news) &&
      !isAutonamed(news) &&
      text(news, "metadata", "name") === oldName &&
      text(news, "metadata", "namespace") === text(state.live, "metadata", "namespace"),
  );
  return response;
}

function settleNamespace(object: Properties, namespaced: boolean): void {
  if (!isObject(object.metadata)) return;
  const { namespace, ...rest } = object.metadata;
  object.metadata = namespaced ? { ...rest, namespace: namespace || "default" } : rest;
}
