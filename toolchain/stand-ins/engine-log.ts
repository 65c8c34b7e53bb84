// Tells the user something by way of the engine: a line beside the resource, or a status that passes.
import * as grpc from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import enginePb from "@pulumi/pulumi/proto/engine_pb.js";

export interface Message {
  urn: string;
  text: string;
  severity?: "debug" | "info" | "warning";
  /** Shown while the operation is under way, and not kept. @default false */
  passing?: boolean;
}

export type Tell = (message: Message) => void;

const SEVERITIES = {
  debug: enginePb.LogSeverity.DEBUG,
  info: enginePb.LogSeverity.INFO,
  warning: enginePb.LogSeverity.WARNING,
};

/** Messages are sent one after another and never waited for: an operation does not fail because of one. */
export function engineLog(address: string | undefined): Tell {
  if (!address) return () => {};
  let client: engineGrpc.EngineClient | undefined;
  let last = Promise.resolve();
  return ({ urn, text, severity = "info", passing = false }) => {
    client ??= new engineGrpc.EngineClient(address, grpc.credentials.createInsecure());
    const request = new enginePb.LogRequest();
    request.setUrn(urn);
    request.setMessage(text);
    request.setSeverity(SEVERITIES[severity]);
    request.setEphemeral(passing);
    const send = () => new Promise<void>((resolve) => client!.log(request, () => resolve()));
    last = last.then(send);
  };
}
