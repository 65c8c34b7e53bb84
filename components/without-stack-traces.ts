// Takes out of this process what makes stack traces expensive. Changes globals of Node's, reads one variable.

/**
 * The SDK notes a stack trace with each of the some sixty promises of a resource, and has `source-map-support` look up
 * every frame of it: that was half of a large fleet's time and most of its memory. So errors have no stack here.
 * EDGEFLOCK_DEBUG=1 brings stacks back, for whoever looks for a fault in Edgeflock itself.
 */
export function withoutStackTraces(): void {
  if (process.env.EDGEFLOCK_DEBUG) return;
  delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  Error.stackTraceLimit = 0;
}
