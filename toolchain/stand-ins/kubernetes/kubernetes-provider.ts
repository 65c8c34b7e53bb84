// The gRPC service of the kubernetes stand-in: configuration, and which cluster the operations go to.
import { createRequire } from "node:module";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import type { KubernetesApi } from "../../../kubernetes/api.ts";
import { engineLog } from "../engine-log.ts";
import { cancellation, servePlugin } from "../plugin-server.ts";
import { type Properties, withoutSecrets } from "../property-values.ts";
import { properties } from "../provider-messages.ts";
import { connectCluster } from "./connect-cluster.ts";
import { refused } from "./object-kind.ts";
import { configDiff, type ProviderConfig, providerConfig } from "./provider-config.ts";
import { resourceOperations } from "./resource-operations.ts";

export async function serveKubernetes(options: { engineAddress: string | undefined }): Promise<void> {
  let config: ProviderConfig | undefined;
  let connection: Promise<KubernetesApi> | undefined;
  const operations = resourceOperations({
    config: () => config!,
    api: () => {
      connection ??= connectCluster(config!);
      return connection;
    },
    tell: engineLog(options.engineAddress),
  });
  await servePlugin({
    name: "pulumi-resource-kubernetes",
    service: providerGrpc.ResourceProviderService as never,
    engineAddress: options.engineAddress,
    handlers: {
      getPluginInfo,
      checkConfig,
      diffConfig,
      configure: (request: pb.ConfigureRequest) => {
        const variables = new Map(
          request.getVariablesMap().entries() as unknown as Iterable<[string, string]>,
        );
        config = providerConfig(variables, process.env);
        const response = new pb.ConfigureResponse();
        response.setAcceptsecrets(true);
        response.setSupportspreview(true);
        response.setSupportsAutonamingConfiguration(true);
        return response;
      },
      invoke: (request: pb.InvokeRequest) => {
        throw refused(`the function ${request.getTok()}`);
      },
      construct: (request: pb.ConstructRequest) => {
        throw refused(request.getType());
      },
      cancel: () => {
        cancellation.abort();
        return new emptyPb.Empty();
      },
      ...operations,
    },
  });
}

function getPluginInfo(): pluginPb.PluginInfo {
  const info = new pluginPb.PluginInfo();
  const sdk = createRequire(import.meta.url)("@pulumi/kubernetes/package.json") as { version: string };
  info.setVersion(sdk.version);
  return info;
}

function checkConfig(request: pb.CheckRequest): pb.CheckResponse {
  const response = new pb.CheckResponse();
  response.setInputs(request.getNews());
  return response;
}

function diffConfig(request: pb.DiffRequest): pb.DiffResponse {
  const olds = withoutSecrets(properties(request.getOlds())) as Properties;
  const news = withoutSecrets(properties(request.getNews())) as Properties;
  const { changed, replaces } = configDiff(olds, news);
  const response = new pb.DiffResponse();
  const { DIFF_SOME, DIFF_NONE } = pb.DiffResponse.DiffChanges;
  response.setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE);
  response.setDiffsList(changed);
  response.setReplacesList(replaces);
  return response;
}
