// Takes out of this process what makes stack traces expensive. Changes globals of Node's, reads one variable.

/**
 * The SDK notes a stack trace with each of the some sixty promises of a resource, and has `source-map-support` look up
 * every frame of it: that was half of a large fleet's time and most of its memory. It also puts one into the state of
 * every resource, with this machine's paths, which says nothing of a fleet that is declared in manifests. So errors have
 * no stack here. EDGEFLOCK_DEBUG=1 brings stacks back, for whoever looks for a fault in Edgeflock itself.
 */
export function withoutStackTraces(): void {
  if (process.env.EDGEFLOCK_DEBUG) return;
  delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  // V8 takes no stack trace where this is no plain value; a plain 0 the SDK would raise for each resource.
  Object.defineProperty(Error, "stackTraceLimit", { get: () => 0, set: () => {}, configurable: true });
}
