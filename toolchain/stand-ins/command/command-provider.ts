// The gRPC service of the command stand-in. Behaviour after pulumi-command 1.2.1, provider/pkg/provider/local.
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { VisibleError } from "../../../model/visible-error.ts";
import { engineLog, type Tell } from "../engine-log.ts";
import { contains, differences, parsePath, pathText } from "../object-diff.ts";
import { type CallContext, cancellation, OFFICIAL, servePlugin } from "../plugin-server.ts";
import { containsUnknowns, equal, type Properties, UNKNOWN, withoutSecrets } from "../property-values.ts";
import { checkFailure, properties, propertyDiff, struct } from "../provider-messages.ts";
import { type CommandInputs, inputProblems, secretTexts } from "./command-inputs.ts";
import { type CommandOutputs, runCommand } from "./run-command.ts";

export async function serveCommand(options: { engineAddress: string | undefined }): Promise<void> {
  const tell = engineLog(options.engineAddress);
  await servePlugin({
    name: "pulumi-resource-command",
    service: providerGrpc.ResourceProviderService as never,
    engineAddress: options.engineAddress,
    handlers: {
      ...configuration,
      check,
      diff,
      create: (request: pb.CreateRequest, call: CallContext) => create(request, call, tell),
      read,
      update: (request: pb.UpdateRequest, call: CallContext) => update(request, call, tell),
      delete: (request: pb.DeleteRequest, call: CallContext) => remove(request, call, tell),
    },
  });
}

const configuration = {
  getPluginInfo: () => {
    const info = new pluginPb.PluginInfo();
    const sdk = createRequire(import.meta.url)("@pulumi/command/package.json") as { version: string };
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
    response.setAcceptsecrets(true);
    response.setSupportspreview(true);
    return response;
  },
  invoke: (request: pb.InvokeRequest) => {
    throw refused(`the function ${request.getTok()}`);
  },
  cancel: () => {
    cancellation.abort();
    return new emptyPb.Empty();
  },
};

function refused(what: string): VisibleError {
  return new VisibleError(`The stand-in pulumi-resource-command does not do ${what}, only local.Command.`, {
    hint: OFFICIAL,
  });
}

function check(request: pb.CheckRequest): pb.CheckResponse {
  const type = request.getUrn().split("::")[2]!.split("$").at(-1)!;
  if (type !== "command:local:Command") throw refused(type);
  const news = Object.fromEntries(
    Object.entries(properties(request.getNews())).filter(([, value]) => value !== null),
  );
  const response = new pb.CheckResponse();
  response.setInputs(struct(news));
  response.setFailuresList(inputProblems(news).map(checkFailure));
  return response;
}

function diff(request: pb.DiffRequest): pb.DiffResponse {
  const olds = properties(request.getOldInputs());
  const ignored = request.getIgnorechangesList().map(parsePath);
  const found = differences(olds, olds, properties(request.getNews()), ["triggers"]).filter(
    ({ path }) => !ignored.some((ancestor) => contains(ancestor, path)),
  );
  const response = new pb.DiffResponse();
  const { DIFF_SOME, DIFF_NONE } = pb.DiffResponse.DiffChanges;
  response.setChanges(found.length > 0 ? DIFF_SOME : DIFF_NONE);
  response.setHasdetaileddiff(true);
  for (const { path, change, replaces } of found) {
    response.getDetaileddiffMap().set(pathText(path), propertyDiff(change, { replaces, inputDiff: false }));
  }
  const replacing = found.filter(({ replaces }) => replaces);
  response.setReplacesList([...new Set(replacing.map(({ path }) => String(path[0])))]);
  return response;
}

async function create(request: pb.CreateRequest, call: CallContext, tell: Tell): Promise<pb.CreateResponse> {
  const inputs = properties(request.getProperties());
  const response = new pb.CreateResponse();
  if (request.getPreview()) {
    response.setProperties(struct({ ...inputs, stdout: UNKNOWN, stderr: UNKNOWN }));
    return response;
  }
  const { create: command } = withoutSecrets(inputs) as CommandInputs;
  const outputs = await run(command, inputs, NOTHING, request.getUrn(), call, tell);
  const name = request.getUrn().split("::").slice(3).join("::");
  response.setId(name + randomBytes(4).toString("hex"));
  response.setProperties(struct({ ...inputs, ...outputs }));
  return response;
}

const NOTHING: CommandOutputs = { stdout: "", stderr: "" };

async function run(
  command: string | undefined,
  inputs: Properties,
  previous: CommandOutputs,
  urn: string,
  call: CallContext,
  tell: Tell,
): Promise<CommandOutputs> {
  if (command === undefined) return previous;
  return runCommand(command, withoutSecrets(inputs) as CommandInputs, {
    previous,
    secrets: secretTexts(inputs),
    signal: call.signal,
    log: (text) => tell({ urn, text, passing: true }),
  });
}

function outputsOf(state: Properties): CommandOutputs {
  const { stdout, stderr } = withoutSecrets(state) as Partial<CommandOutputs>;
  return { stdout: stdout ?? "", stderr: stderr ?? "" };
}

function read(request: pb.ReadRequest): pb.ReadResponse {
  const response = new pb.ReadResponse();
  response.setId(request.getId());
  response.setProperties(request.getProperties());
  response.setInputs(request.getInputs());
  return response;
}

async function update(request: pb.UpdateRequest, call: CallContext, tell: Tell): Promise<pb.UpdateResponse> {
  const inputs = properties(request.getNews());
  const state = properties(request.getOlds());
  const response = new pb.UpdateResponse();
  if (request.getPreview()) {
    response.setProperties(struct({ ...inputs, ...previewed(inputs, state) }));
    return response;
  }
  const plain = withoutSecrets(inputs) as CommandInputs;
  const command = plain.update ?? plain.create;
  const outputs = await run(command, inputs, outputsOf(state), request.getUrn(), call, tell);
  response.setProperties(struct({ ...inputs, ...outputs }));
  return response;
}

/** What the command will print is unknown once an input that it had before is changed or not known. */
function previewed(inputs: Properties, state: Properties): Properties {
  const isStale =
    containsUnknowns(inputs) ||
    Object.entries(state).some(
      ([name, value]) => name !== "stdout" && name !== "stderr" && !equal(inputs[name], value),
    );
  if (isStale) return { stdout: UNKNOWN, stderr: UNKNOWN };
  return { stdout: state.stdout ?? "", stderr: state.stderr ?? "" };
}

async function remove(request: pb.DeleteRequest, call: CallContext, tell: Tell): Promise<emptyPb.Empty> {
  const state = properties(request.getProperties());
  const { delete: command } = withoutSecrets(state) as CommandInputs;
  await run(command, state, outputsOf(state), request.getUrn(), call, tell);
  return new emptyPb.Empty();
}
