// Small helpers around the protobuf messages of a resource provider. Pure.
import * as grpc from "@grpc/grpc-js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import statusPb from "@pulumi/pulumi/proto/status_pb.js";
import anyPb from "google-protobuf/google/protobuf/any_pb.js";
import structPb from "google-protobuf/google/protobuf/struct_pb.js";
import { serviceError } from "./plugin-server.ts";
import type { Properties } from "./property-values.ts";

export function properties(message: structPb.Struct | undefined): Properties {
  return (message?.toJavaScript() ?? {}) as Properties;
}

export function struct(values: Properties): structPb.Struct {
  return structPb.Struct.fromJavaScript(values);
}

export function checkFailure(problem: { property: string; reason: string }): pb.CheckFailure {
  const failure = new pb.CheckFailure();
  failure.setProperty(problem.property);
  failure.setReason(problem.reason);
  return failure;
}

const KINDS = {
  add: [pb.PropertyDiff.Kind.ADD, pb.PropertyDiff.Kind.ADD_REPLACE],
  delete: [pb.PropertyDiff.Kind.DELETE, pb.PropertyDiff.Kind.DELETE_REPLACE],
  update: [pb.PropertyDiff.Kind.UPDATE, pb.PropertyDiff.Kind.UPDATE_REPLACE],
} as const;

export function propertyDiff(
  change: keyof typeof KINDS,
  options: { replaces: boolean; inputDiff: boolean },
): pb.PropertyDiff {
  const difference = new pb.PropertyDiff();
  difference.setKind(KINDS[change][options.replaces ? 1 : 0]);
  difference.setInputdiff(options.inputDiff);
  return difference;
}

/**
 * The error for a resource that exists but is not as it should be: the engine keeps its state, and tries
 * again with the next update.
 */
export function initFailed(
  error: unknown,
  partial: { id: string; state: Properties; inputs?: Properties },
): Error {
  const described = serviceError(error);
  const detail = new pb.ErrorResourceInitFailed();
  detail.setId(partial.id);
  detail.setProperties(struct(partial.state));
  if (partial.inputs) detail.setInputs(struct(partial.inputs));
  detail.setReasonsList([described.details ?? ""]);
  const packed = new anyPb.Any();
  packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new statusPb.Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(described.details ?? "");
  status.addDetails(packed);
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return Object.assign(new Error(described.details), { code: grpc.status.UNKNOWN, metadata });
}
