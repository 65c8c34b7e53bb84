// The engine's word that an update is cancelled, as it comes: by gRPC, to a server that does nothing with it itself.
import { createRequire } from "node:module";
import { credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, expect, it } from "vitest";
import { interruptible } from "../../builders/interruption.ts";
import { endWorkOnCancel, FINISH_BUILDS_VARIABLE } from "../../dynamic-providers/cancellation.ts";

const require = createRequire(import.meta.url);
const { Empty } = require("google-protobuf/google/protobuf/empty_pb.js");
const {
  ResourceProviderClient,
  ResourceProviderService,
} = require("@pulumi/pulumi/proto/provider_grpc_pb.js");

let server: Server | undefined;
afterEach(() => server?.forceShutdown());

it("ends the builds of a provider whose engine cancels, and those that would begin then", async () => {
  server = new Server();
  const answer = (_: unknown, done: (error: null, empty: object) => void) => done(null, new Empty());
  server.addService(ResourceProviderService, { cancel: answer, getPluginInfo: answer });
  const port = await new Promise<number>((resolve) =>
    server!.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
  );
  // where they are to come to their end, nothing listens
  process.env[FINISH_BUILDS_VARIABLE] = "1";
  endWorkOnCancel();
  delete process.env[FINISH_BUILDS_VARIABLE];
  const client = new ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const call = (method: string) => new Promise((resolve) => client[method](new Empty(), resolve));
  const untilAborted = (signal: AbortSignal) =>
    new Promise<string>((resolve) => {
      if (signal.aborted) resolve("ended");
      signal.addEventListener("abort", () => resolve("ended"));
    });
  let ended = false;
  const build = interruptible(undefined, untilAborted).finally(() => {
    ended = true;
  });
  await call("cancel");
  // pulumi's host listens before any provider of ours is loaded
  endWorkOnCancel();
  await call("getPluginInfo");
  expect(ended).toBe(false);
  await call("cancel");
  expect(await build).toBe("ended");
  expect(await interruptible(undefined, untilAborted)).toBe("ended");
  client.close();
});
