// Small helpers around the protobuf messages of a resource provider. Pure.
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import structPb from "google-protobuf/google/protobuf/struct_pb.js";
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
