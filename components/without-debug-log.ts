// Silences Pulumi's SDK where nobody listens, and keeps secrets out of what it says where somebody does. Changes the
// SDK's log for the rest of the process, reads one variable.
import * as pulumi from "@pulumi/pulumi";

/**
 * The SDK sends each debug message to the engine as a call of its own, one after the other, ten a device, whether it
 * will be shown or not: of a large fleet's preview that was a third of the time. So they are dropped, unless
 * EDGEFLOCK_DEBUG=1 (which `edgeflock pulumi … --debug` sets).
 *
 * Where they are kept, they come without the engine's whole answer for each resource, which holds secret inputs as they
 * are. (`RegisterResource RPC finished: …, resp: …` in @pulumi/pulumi, runtime/resource.ts)
 */
export function withoutDebugLog(): void {
  const { log } = pulumi;
  const original = log.debug;
  const debug: typeof original = process.env.EDGEFLOCK_DEBUG
    ? (message, ...rest) => original(withoutAnswer(message), ...rest)
    : async () => {};
  Object.defineProperty(log, "debug", { value: debug, configurable: true, enumerable: true, writable: true });
}

/** The message as far as it is about what happened. */
function withoutAnswer(message: string): string {
  return message.replace(/\bresp: .*$/s, "resp: (left out, it may hold secrets)");
}
