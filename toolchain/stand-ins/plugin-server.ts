// Serves one Pulumi gRPC service for the engine that started this process: prints the port, ends with
// the engine, and refuses by name what a stand-in does not do. Listens on 127.0.0.1.
// The stand-ins are a bridge for places where the official plugins cannot be had; they are kept small.
import * as grpc from "@grpc/grpc-js";
import { VisibleError } from "../../model/visible-error.ts";

/** One gRPC method: takes the decoded request, gives the message to answer with. */
export type Handler<Request, Response> = (
  request: Request,
  call: CallContext,
) => Promise<Response> | Response;

export interface CallContext {
  /** Aborted when the engine cancels the operation or the call. */
  signal: AbortSignal;
}

export interface PluginOptions {
  /** Name of the plugin, for what it refuses: "pulumi-resource-random". */
  name: string;
  service: grpc.ServiceDefinition;
  // biome-ignore lint/suspicious/noExplicitAny: each handler has message types of its own
  handlers: Record<string, Handler<any, any>>;
  /** Handlers that gRPC calls with a stream. */
  streaming?: Record<string, grpc.UntypedHandleCall>;
  /** Where the engine listens; the plugin ends when it is gone. */
  engineAddress: string | undefined;
}

/** Aborted once the engine asks to cancel, or the process is told to end. */
export const cancellation = new AbortController();

/** What the engine itself uses; a stack with large objects exceeds gRPC's default of 4 MiB. */
const CHANNEL_OPTIONS = {
  "grpc.max_receive_message_length": 400 * 1024 * 1024,
  "grpc.max_send_message_length": 400 * 1024 * 1024,
};

/** Starts serving and prints the port on stdout, as every Pulumi plugin does. */
export async function servePlugin(options: PluginOptions): Promise<void> {
  const server = new grpc.Server(CHANNEL_OPTIONS);
  server.addService(options.service, implementation(options));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  let isEnding = false;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (ownSignals > 0) {
        ownSignals--;
        return;
      }
      if (isEnding) process.exit(130);
      isEnding = true;
      cancellation.abort();
      // Whoever is under way gets a moment to clean up; the engine's kill is the last resort.
      setTimeout(() => process.exit(130), 5000).unref();
      server.tryShutdown(() => process.exit(130));
    });
  }
  process.stdout.write(`${port}\n`);
  if (options.engineAddress) endWithEngine(options.engineAddress);
}

let ownSignals = 0;

/**
 * Signals a child and all it started. The engine gives every plugin a process group of its own, and ends
 * that as a whole; children stay in it, so that none outlives a plugin that is killed.
 */
export function signalChildren(
  child: { kill(signal: NodeJS.Signals): boolean },
  signal: NodeJS.Signals,
): void {
  try {
    process.kill(-process.pid, signal);
    ownSignals++;
  } catch {
    child.kill(signal);
  }
}

/** The engine's address among a plugin's arguments: the last one that is not an option. */
export function engineAddressOf(argv: readonly string[]): string | undefined {
  return argv.filter((argument) => /^[^-].*:\d+$/.test(argument)).at(-1);
}

function implementation(options: PluginOptions): grpc.UntypedServiceImplementation {
  const methods: grpc.UntypedServiceImplementation = {};
  for (const [method, definition] of Object.entries(options.service)) {
    const stream = options.streaming?.[method];
    const handler = options.handlers[method];
    if (stream) methods[method] = stream;
    else if (handler) methods[method] = unary(handler);
    else if (!definition.requestStream && !definition.responseStream) {
      methods[method] = unary(() => {
        throw Object.assign(new Error(`The stand-in ${options.name} does not do ${method}. ${OFFICIAL}`), {
          code: grpc.status.UNIMPLEMENTED,
        });
      });
    }
  }
  return methods;
}

/** The way to the real thing, for everything that a stand-in refuses. */
export const OFFICIAL =
  "Stand-ins serve only what Edgeflock uses. Install the official plugin (https://www.pulumi.com/docs/iac/cli/commands/pulumi_plugin_install/): it is then used instead, and the stack stays as it is.";

// biome-ignore lint/suspicious/noExplicitAny: serves handlers of every message type
function unary(handler: Handler<any, any>): grpc.handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    const ended = new AbortController();
    call.on("cancelled", () => ended.abort());
    const signal = AbortSignal.any([ended.signal, cancellation.signal]);
    Promise.resolve()
      .then(() => handler(call.request, { signal }))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(serviceError(error)),
      );
  };
}

/** What the user mends is told as it is; a defect of ours keeps its stack, so that it can be reported. */
export function serviceError(error: unknown): Partial<grpc.StatusObject> {
  const metadata = (error as Partial<grpc.ServiceError>).metadata;
  const known = {
    code: (error as { code?: unknown }).code,
    ...(metadata instanceof grpc.Metadata && { metadata }),
  };
  const code = typeof known.code === "number" ? known.code : grpc.status.UNKNOWN;
  if (error instanceof VisibleError) {
    const details = error.hint ? `${error.message}\n${error.hint}` : error.message;
    return { ...known, code, details };
  }
  if (error instanceof Error && error.name === "AbortError") {
    return { code: grpc.status.CANCELLED, details: "Cancelled; run the command again to go on." };
  }
  if (!(error instanceof Error)) return { ...known, code, details: String(error) };
  const isOurs = code === grpc.status.UNKNOWN && error.constructor !== Error && !("status" in error);
  return { ...known, code, details: isOurs ? (error.stack ?? error.message) : error.message };
}

/** Ends this process once the engine's address stops answering, so that nothing outlives a killed engine. */
function endWithEngine(address: string): void {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), CHANNEL_OPTIONS);
  const channel = client.getChannel();
  const watch = () => {
    const state = channel.getConnectivityState(true);
    if (state === grpc.connectivityState.TRANSIENT_FAILURE) {
      cancellation.abort();
      setTimeout(() => process.exit(1), 1000);
      return;
    }
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, watch);
  };
  watch();
}
