// Create, Read, Update and Delete of one object, in the way and with the state of the official plugin.
// The work on the cluster is in cluster-objects.ts.
// Behaviour after pulumi-kubernetes, provider/pkg/provider/provider.go
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { parsePath } from "../object-diff.ts";
import type { CallContext } from "../plugin-server.ts";
import { containsUnknowns, isObject, type Properties } from "../property-values.ts";
import { initFailed, properties, struct } from "../provider-messages.ts";
import {
  addressOf,
  annotateSecrets,
  annotation,
  type Checkpoint,
  checkpointOf,
  idOf,
  normalized,
  objectOf,
  pruned,
  stateOf,
  text,
} from "./api-object.ts";
import * as cluster from "./cluster-objects.ts";
import { isBuiltIn, kindOf } from "./object-kind.ts";
import { newFieldManager } from "./object-name.ts";
import { explained, hasStatus, isMissingNamespace } from "./refusal.ts";
import { check, diff, isNamespaced, type Surroundings } from "./resource-planning.ts";

export function resourceOperations(surroundings: Surroundings) {
  const bound =
    <Request, Response>(
      operation: (here: Surroundings, request: Request, call: CallContext) => Promise<Response>,
    ) =>
    (request: Request, call: CallContext) =>
      operation(surroundings, request, call);
  return {
    check: bound(check),
    diff: bound(diff),
    create: bound(create),
    read: bound(read),
    update: bound(update),
    delete: bound(remove),
  };
}

async function create(
  here: Surroundings,
  request: pb.CreateRequest,
  call: CallContext,
): Promise<pb.CreateResponse> {
  kindOf(request.getUrn());
  const inputs = properties(request.getProperties());
  const object = objectOf(inputs);
  const dryRun = request.getPreview();
  const response = new pb.CreateResponse();
  if (dryRun && !(await canPreview(here, object))) {
    response.setProperties(request.getProperties());
    return response;
  }
  const api = await here.api();
  const { upsert, patchForce } = here.config();
  const fieldManager = annotation(object, "pulumi.com/patchFieldManager") || newFieldManager();
  let live: Properties;
  try {
    const force = patchForce || isForced(object);
    live = await cluster.createObject(api, object, {
      fieldManager,
      dryRun,
      upsert,
      force,
      signal: call.signal,
    });
  } catch (error) {
    // A replacement's successor finds the object that is to be deleted first; a namespace may come with this update.
    const isNormal =
      hasStatus(error, 403, "Forbidden") ||
      hasStatus(error, 409, "AlreadyExists") ||
      isMissingNamespace(error);
    if (!dryRun || !isNormal || isQuota(error)) throw explained(error, "created", object, inputs);
    response.setProperties(request.getProperties());
    return response;
  }
  const checkpoint: Checkpoint = {
    inputs: object,
    live,
    initialApiVersion: text(object, "apiVersion"),
    fieldManager,
  };
  if (dryRun) {
    delete live.status;
  } else {
    response.setId(idOf(live));
    checkpoint.live = await ready(here, request, call, checkpoint, inputs);
  }
  response.setProperties(struct(stateOf(checkpoint, inputs)));
  return response;
}

function isQuota(error: unknown): boolean {
  return error instanceof Error && error.message.includes("exceeded quota");
}

function isForced(object: Properties): boolean {
  return annotation(object, "pulumi.com/patchForce") === "true";
}

/** The server can be asked only for what is known, of a kind that it has. */
async function canPreview(here: Surroundings, object: Properties): Promise<boolean> {
  if (containsUnknowns(object)) return false;
  try {
    await (await here.api()).isNamespaced(addressOf(object));
    return true;
  } catch (error) {
    if (cluster.isUnknownKind(error)) return false;
    throw error;
  }
}

/** Waits for the object; where it does not come up, it is kept in the state as it is, with the reason. */
async function ready(
  here: Surroundings,
  request: pb.CreateRequest | pb.UpdateRequest,
  call: CallContext,
  checkpoint: Checkpoint,
  inputs: Properties,
): Promise<Properties> {
  try {
    return await cluster.waitUntilReady(
      await here.api(),
      checkpoint.live,
      waiting(here, request.getUrn(), cluster.timeoutOf(request.getTimeout(), checkpoint.inputs), call),
    );
  } catch (error) {
    throw initFailed(error, { id: idOf(checkpoint.live), state: stateOf(checkpoint, inputs) });
  }
}

function waiting(here: Surroundings, urn: string, timeoutMs: number, call: CallContext): cluster.Waiting {
  return { signal: call.signal, timeoutMs, status: (text) => here.tell({ urn, text, passing: true }) };
}

async function read(here: Surroundings, request: pb.ReadRequest): Promise<pb.ReadResponse> {
  const oldInputs = properties(request.getInputs());
  const old = checkpointOf(properties(request.getProperties()));
  let inputs = normalized(objectOf(oldInputs));
  const isImport = !text(inputs, "kind") && !text(old.live, "kind");
  if (!text(inputs, "kind")) {
    inputs = await addressFromId(here, request, isImport ? kindOf(request.getUrn()) : addressOf(old.live));
  }
  const response = new pb.ReadResponse();
  let live: Properties | undefined;
  try {
    live = await cluster.readObject(await here.api(), withIdsName(inputs, request.getId()));
  } catch (error) {
    if (here.config().deleteUnreachable && cluster.isUnreachable(error)) return response;
    throw explained(error, "read", inputs, oldInputs);
  }
  if (!live) return response;
  const liveInputs = isImport ? importedInputs(live, inputs) : (pruned(live, inputs) as Properties);
  const fieldManager =
    annotation(inputs, "pulumi.com/patchFieldManager") || old.fieldManager || newFieldManager();
  const checkpoint: Checkpoint = {
    inputs: liveInputs,
    live,
    initialApiVersion: old.initialApiVersion || text(inputs, "apiVersion"),
    fieldManager,
  };
  response.setId(request.getId() || idOf(live));
  response.setProperties(struct(stateOf(checkpoint, oldInputs)));
  response.setInputs(struct(annotateSecrets(structuredClone(liveInputs), oldInputs)));
  return response;
}

async function addressFromId(
  here: Surroundings,
  request: pb.ReadRequest,
  kind: { apiVersion: string; kind: string },
): Promise<Properties> {
  const parts = request.getId().split("/");
  const name = parts.at(-1)!;
  const given = parts.length > 1 ? parts[0]! : "";
  const { apiVersion } = kind;
  const namespace = given || ((await isNamespaced(here, { apiVersion, kind: kind.kind })) ? "default" : "");
  return { apiVersion, kind: kind.kind, metadata: { name, ...(namespace && { namespace }) } };
}

/** The object goes by the id's name, whatever the inputs say by now. */
function withIdsName(inputs: Properties, id: string): Properties {
  const name = id.split("/").at(-1)!;
  return { ...inputs, metadata: { ...(inputs.metadata as Properties), name } };
}

/** What a program would have to say to make an object that is imported. */
function importedInputs(live: Properties, address: Properties): Properties {
  if (!isBuiltIn(text(live, "apiVersion"))) return pruned(live, address) as Properties;
  const { status: _, ...rest } = live;
  const inputs = normalized(rest);
  const metadata = inputs.metadata as Properties;
  if (isObject(metadata.annotations)) {
    const {
      "deployment.kubernetes.io/revision": _revision,
      "kubectl.kubernetes.io/last-applied-configuration": _applied,
      ...kept
    } = metadata.annotations;
    metadata.annotations = kept;
  }
  return inputs;
}

async function update(
  here: Surroundings,
  request: pb.UpdateRequest,
  call: CallContext,
): Promise<pb.UpdateResponse> {
  const news = properties(request.getNews());
  const inputs = normalized(objectOf(news));
  const dryRun = request.getPreview();
  const response = new pb.UpdateResponse();
  if (dryRun && !(await canPreview(here, inputs))) {
    response.setProperties(request.getNews());
    return response;
  }
  const old = checkpointOf(properties(request.getOlds()));
  const api = await here.api();
  const fieldManager =
    annotation(inputs, "pulumi.com/patchFieldManager") || old.fieldManager || newFieldManager();
  const checkpoint: Checkpoint = { ...old, inputs, fieldManager };
  try {
    checkpoint.live = await cluster.updateObject(
      api,
      text(old.live, "metadata", "name"),
      structuredClone(inputs),
      {
        fieldManager,
        dryRun,
        force: here.config().patchForce || isForced(inputs),
        ignored: request.getIgnorechangesList().map(parsePath),
      },
    );
  } catch (error) {
    if (dryRun && hasStatus(error, 403, "Forbidden") && !isQuota(error)) {
      response.setProperties(request.getNews());
      return response;
    }
    throw explained(error, "updated", inputs, news);
  }
  if (!dryRun) checkpoint.live = await ready(here, request, call, checkpoint, news);
  response.setProperties(struct(stateOf(checkpoint, news)));
  return response;
}

async function remove(
  here: Surroundings,
  request: pb.DeleteRequest,
  call: CallContext,
): Promise<emptyPb.Empty> {
  const { inputs, live } = checkpointOf(properties(request.getProperties()));
  try {
    const timeoutMs = cluster.timeoutOf(request.getTimeout(), inputs);
    await cluster.deleteObject(
      await here.api(),
      withIdsName(live, request.getId()),
      inputs,
      waiting(here, request.getUrn(), timeoutMs, call),
    );
  } catch (error) {
    if (!(here.config().deleteUnreachable && cluster.isUnreachable(error))) {
      throw explained(error, "deleted", live, inputs);
    }
  }
  return new emptyPb.Empty();
}
