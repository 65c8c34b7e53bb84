// The gRPC service of a Pulumi language host for Node.js programs. Starts the program and npm as
// child processes; their output goes to the user by way of our own stdout and stderr.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { extname } from "node:path";
import type { ServerWritableStream } from "@grpc/grpc-js";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import languagePb from "@pulumi/pulumi/proto/language_pb.js";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { VisibleError } from "../../../model/visible-error.ts";
import { cancellation, servePlugin, serviceError, signalChildren } from "../plugin-server.ts";
import { locateRunner } from "./locate-runner.ts";
import { programDependencies } from "./program-dependencies.ts";
import { runArguments, runEnvironment, runtimeOptions } from "./run-arguments.ts";
import { runPlugin } from "./run-plugin.ts";

/** The program has told the user what is wrong; nothing needs adding. From @pulumi/pulumi/cmd/run. */
const EXIT_TOLD_THE_USER = 32;
const RUNNER = process.env.PULUMI_LANGUAGE_NODEJS_RUN_PATH || "@pulumi/pulumi/cmd/run";
/** Before the runner: of the SDK, what a fleet does not use is loaded only when it is used. */
const PRELOAD = [
  "--import",
  new URL(`../load-when-used${extname(import.meta.filename)}`, import.meta.url).href,
];
/** How long a cancelled program may take to end by itself. */
const GRACE_MS = 5000;

export async function serveLanguageHost(options: { engineAddress: string | undefined }): Promise<void> {
  let engineAddress = options.engineAddress;
  await servePlugin({
    name: "pulumi-language-nodejs",
    service: languageGrpc.LanguageRuntimeService as never,
    engineAddress,
    handlers: {
      handshake: (request: languagePb.LanguageHandshakeRequest) => {
        engineAddress = request.getEngineAddress() || engineAddress;
        return new languagePb.LanguageHandshakeResponse();
      },
      getPluginInfo: () => {
        const info = new pluginPb.PluginInfo();
        info.setVersion(sdkVersion());
        return info;
      },
      // The engine finds or installs a plugin when a resource first needs it.
      getRequiredPackages: () => new languagePb.GetRequiredPackagesResponse(),
      getRequiredPlugins: () => new languagePb.GetRequiredPluginsResponse(),
      run: (request: languagePb.RunRequest) => run(request, engineAddress ?? ""),
      about,
      getProgramDependencies,
      cancel: () => {
        cancellation.abort();
        return new emptyPb.Empty();
      },
    },
    streaming: { installDependencies: installDependencies as never, runPlugin: runPlugin as never },
  });
}

async function run(request: languagePb.RunRequest, engineAddress: string): Promise<languagePb.RunResponse> {
  const response = new languagePb.RunResponse();
  const info = request.getInfo();
  const programDirectory = info?.getProgramDirectory() || request.getPwd();
  const options = runtimeOptions((info?.getOptions()?.toJavaScript() ?? {}) as Record<string, unknown>);
  const arguments_ = runArguments(locateRunner(programDirectory, RUNNER), {
    monitorAddress: request.getMonitorAddress(),
    engineAddress,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    rootDirectory: info?.getRootDirectory() ?? "",
    programDirectory,
    entryPoint: info?.getEntryPoint() || request.getProgram(),
    dryRun: request.getDryrun(),
    parallel: request.getParallel(),
    arguments: request.getArgsList(),
  });
  const environment = runEnvironment(
    request.getConfigMap().entries() as unknown as Iterable<[string, string]>,
    request.getConfigsecretkeysList(),
    options,
  );
  const ended = await runProcess(process.execPath, [...PRELOAD, ...options.nodeArguments, ...arguments_], {
    ...process.env,
    ...environment,
  });
  if (ended.code === EXIT_TOLD_THE_USER) response.setBail(true);
  else if (ended.code !== 0) {
    response.setError(
      ended.code === null
        ? `Program was ended by ${ended.signal}`
        : `Program exited with non-zero exit code: ${ended.code}`,
    );
  }
  return response;
}

/**
 * Runs a child in our own process group, which the engine ends as a whole, with our stdout and stderr.
 * Cancelling interrupts it, and ends it hard where it does not heed that.
 */
function runProcess(
  command: string,
  arguments_: string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, arguments_, { env: environment, stdio: ["ignore", "inherit", "inherit"] });
    let kill: NodeJS.Timeout | undefined;
    const stop = () => {
      signalChildren(child, "SIGINT");
      kill = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    };
    cancellation.signal.addEventListener("abort", stop, { once: true });
    if (cancellation.signal.aborted) stop();
    const settle = () => {
      clearTimeout(kill);
      cancellation.signal.removeEventListener("abort", stop);
    };
    child.on("error", (error) => {
      settle();
      reject(error);
    });
    child.on("close", (code, signal) => {
      settle();
      resolve({ code, signal });
    });
  });
}

function about(): languagePb.AboutResponse {
  const response = new languagePb.AboutResponse();
  response.setExecutable(process.execPath);
  response.setVersion(process.version);
  response.getMetadataMap().set("languageHost", "Edgeflock stand-in");
  return response;
}

async function getProgramDependencies(
  request: languagePb.GetProgramDependenciesRequest,
): Promise<languagePb.GetProgramDependenciesResponse> {
  const folder = request.getInfo()?.getProgramDirectory() || request.getPwd();
  const response = new languagePb.GetProgramDependenciesResponse();
  for (const { name, version } of programDependencies(folder, request.getTransitivedependencies())) {
    const dependency = new languagePb.DependencyInfo();
    dependency.setName(name);
    dependency.setVersion(version);
    response.addDependencies(dependency);
  }
  return response;
}

function installDependencies(
  call: ServerWritableStream<languagePb.InstallDependenciesRequest, languagePb.InstallDependenciesResponse>,
): void {
  const npm = spawn("npm", ["install", "--loglevel=error"], {
    cwd: call.request.getInfo()?.getProgramDirectory() || call.request.getDirectory(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  npm.stdout.on("data", (chunk: Buffer) => {
    const response = new languagePb.InstallDependenciesResponse();
    response.setStdout(chunk);
    call.write(response);
  });
  npm.stderr.on("data", (chunk: Buffer) => {
    const response = new languagePb.InstallDependenciesResponse();
    response.setStderr(chunk);
    call.write(response);
  });
  npm.on("error", (error) => call.emit("error", serviceError(error)));
  npm.on("close", (code) => {
    if (code === 0) call.end();
    else call.emit("error", serviceError(new VisibleError(`npm install failed with exit code ${code}.`)));
  });
}

/** The host's version is the SDK's, as it is for the official one. */
function sdkVersion(): string {
  return (createRequire(import.meta.url)("@pulumi/pulumi/package.json") as { version: string }).version;
}
