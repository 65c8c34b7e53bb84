// The gRPC service of the random stand-in. Touches nothing outside.
import { createRequire } from "node:module";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { VisibleError } from "../../../model/visible-error.ts";
import { OFFICIAL, servePlugin } from "../plugin-server.ts";
import { containsUnknowns, isUnknown, type Properties, UNKNOWN, withoutSecrets } from "../property-values.ts";
import { checkFailure, properties, propertyDiff, struct } from "../provider-messages.ts";
import { KINDS, type Kind, typeProblems } from "./resource-kinds.ts";
import { differences, stateOf } from "./state.ts";

export async function serveRandom(options: { engineAddress: string | undefined }): Promise<void> {
  await servePlugin({
    name: "pulumi-resource-random",
    service: providerGrpc.ResourceProviderService as never,
    engineAddress: options.engineAddress,
    handlers: { ...configuration, check, diff, create, read, update, delete: () => new emptyPb.Empty() },
  });
}

const configuration = {
  getPluginInfo: () => {
    const info = new pluginPb.PluginInfo();
    const sdk = createRequire(import.meta.url)("@pulumi/random/package.json") as { version: string };
    info.setVersion(sdk.version);
    return info;
  },
  checkConfig: (request: pb.CheckRequest) => {
    const response = new pb.CheckResponse();
    response.setInputs(request.getNews());
    return response;
  },
  diffConfig: () => new pb.DiffResponse(),
  configure: () => {
    const response = new pb.ConfigureResponse();
    response.setSupportspreview(true);
    // As the official plugin: the engine opens secrets for us, and marks outputs of the same name again.
    response.setAcceptsecrets(false);
    response.setAcceptresources(true);
    return response;
  },
  cancel: () => new emptyPb.Empty(),
};

function check(request: pb.CheckRequest): pb.CheckResponse {
  const kind = kindOf(request.getUrn());
  const inputs = plain(properties(request.getNews()));
  const response = new pb.CheckResponse();
  response.setInputs(struct(inputs));
  const isKnown = !containsUnknowns(inputs);
  const problems = typeProblems(kind, inputs).filter(({ property }) => !isUnknown(inputs[property]));
  if (problems.length === 0 && isKnown) problems.push(...kind.problems(inputs));
  response.setFailuresList(problems.map(checkFailure));
  return response;
}

function diff(request: pb.DiffRequest): pb.DiffResponse {
  const kind = kindOf(request.getUrn());
  const inputs = kind.withDefaults(plain(properties(request.getNews())));
  const state = plain(properties(request.getOlds()));
  const ignored = new Set(request.getIgnorechangesList().map((path) => path.split(/[.[]/)[0]));
  const found = differences(kind, state, inputs).filter(({ property }) => !ignored.has(property));
  const response = new pb.DiffResponse();
  response.setChanges(
    found.length > 0 ? pb.DiffResponse.DiffChanges.DIFF_SOME : pb.DiffResponse.DiffChanges.DIFF_NONE,
  );
  const names = (items: typeof found) => [...new Set(items.map(({ property }) => property))];
  response.setDiffsList(names(found));
  response.setReplacesList(names(found.filter(({ replaces }) => replaces)));
  response.setHasdetaileddiff(true);
  for (const { path, change, replaces } of found) {
    response.getDetaileddiffMap().set(path, propertyDiff(change, { replaces, inputDiff: false }));
  }
  return response;
}

async function create(request: pb.CreateRequest): Promise<pb.CreateResponse> {
  const kind = kindOf(request.getUrn());
  const inputs = kind.withDefaults(plain(properties(request.getProperties())));
  const response = new pb.CreateResponse();
  if (request.getPreview()) {
    const unknowns = Object.fromEntries(kind.computed.map((name) => [name, UNKNOWN]));
    response.setProperties(struct({ ...inputs, ...unknowns }));
    return response;
  }
  const outputs = await kind.create(inputs);
  response.setId(kind.idOf(outputs));
  response.setProperties(struct(stateOf(kind, outputs)));
  return response;
}

async function read(request: pb.ReadRequest): Promise<pb.ReadResponse> {
  const kind = kindOf(request.getUrn());
  const response = new pb.ReadResponse();
  const state = plain(properties(request.getProperties()));
  const isRefresh = Object.keys(state).length > 0;
  const outputs = isRefresh ? state : await kind.importFrom(request.getId());
  const inputs = isRefresh ? plain(properties(request.getInputs())) : kind.importedInputs(outputs);
  response.setId(kind.idOf(outputs));
  response.setProperties(struct(stateOf(kind, outputs)));
  response.setInputs(struct(inputs));
  return response;
}

/** Only reached for changes that are harmless; see state.ts. */
function update(request: pb.UpdateRequest): pb.UpdateResponse {
  const kind = kindOf(request.getUrn());
  const inputs = kind.withDefaults(plain(properties(request.getNews())));
  const state = plain(properties(request.getOlds()));
  const computed = Object.fromEntries(kind.computed.map((name) => [name, state[name] ?? null]));
  const response = new pb.UpdateResponse();
  response.setProperties(struct(stateOf(kind, { ...inputs, ...computed })));
  return response;
}

function kindOf(urn: string): Kind {
  const type = urn.split("::")[2]!.split("$").at(-1)!;
  const kind = KINDS[type];
  if (kind) return kind;
  throw new VisibleError(`The stand-in pulumi-resource-random does not make ${type}.`, {
    hint: `It makes ${Object.keys(KINDS)
      .map((token) => token.split(":")[2])
      .join(", ")}. ${OFFICIAL}`,
  });
}

/** Properties without envelopes, and without those that are null, which the bridge treats as unset. */
function plain(values: Properties): Properties {
  return Object.fromEntries(
    Object.entries(withoutSecrets(values) as Properties).filter(([, value]) => value !== null),
  );
}
