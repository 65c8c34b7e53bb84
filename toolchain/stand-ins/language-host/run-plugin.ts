// A policy pack (or plugin) written for Node.js: runs it for the engine and hands on what it says, until the engine
// lets go of it. Starts processes.
// https://github.com/pulumi/pulumi, proto/pulumi/language.proto (RunPlugin)
import { spawn } from "node:child_process";
import type { ServerWritableStream } from "@grpc/grpc-js";
import languagePb from "@pulumi/pulumi/proto/language_pb.js";
import { VisibleError } from "../../../model/visible-error.ts";
import { cancellation, serviceError } from "../plugin-server.ts";
import { locateRunner } from "./locate-runner.ts";

/** How long a plugin may take to end by itself. */
const GRACE_MS = 2000;

export type RunPluginCall = ServerWritableStream<languagePb.RunPluginRequest, languagePb.RunPluginResponse>;

export function runPlugin(call: RunPluginCall): void {
  const { request } = call;
  const folder = request.getInfo()?.getProgramDirectory() || request.getProgram();
  let runner: string;
  try {
    runner = locateRunner(folder, runnerOf(request.getKind()));
  } catch (error) {
    call.emit("error", serviceError(error));
    return;
  }
  const child = spawn(process.execPath, [runner, ...request.getArgsList(), folder], {
    // where @pulumi/policy looks for the pack's package.json
    cwd: folder,
    env: { ...process.env, ...environment(request.getEnvList()) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.on("data", (chunk: Buffer) => call.write(said((response) => response.setStdout(chunk))));
  child.stderr.on("data", (chunk: Buffer) => call.write(said((response) => response.setStderr(chunk))));
  let kill: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill("SIGTERM");
    kill = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  };
  call.on("cancelled", stop);
  cancellation.signal.addEventListener("abort", stop, { once: true });
  child.on("error", (error) => call.emit("error", serviceError(error)));
  child.on("close", (code) => {
    clearTimeout(kill);
    cancellation.signal.removeEventListener("abort", stop);
    call.write(said((response) => response.setExitcode(code ?? 1)));
    call.end();
  });
}

/** The module of @pulumi/pulumi that runs such a thing. @throws VisibleError for a kind that there is none for */
function runnerOf(kind: string): string {
  if (kind === "analyzer") return "@pulumi/pulumi/cmd/run-policy-pack";
  if (kind === "resource") return "@pulumi/pulumi/cmd/run-plugin";
  throw new VisibleError(`The stand-in for Pulumi's language host runs no plugins of kind "${kind}".`);
}

/** @param list `NAME=value` each */
function environment(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((entry) => {
      const at = entry.indexOf("=");
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

function said(fill: (response: languagePb.RunPluginResponse) => void): languagePb.RunPluginResponse {
  const response = new languagePb.RunPluginResponse();
  fill(response);
  return response;
}
