// Keeps secrets out of Pulumi's own debug log. Changes the SDK's log for the rest of the process.
import * as pulumi from "@pulumi/pulumi";

/**
 * With `pulumi up --debug`, or `-v`, the SDK writes the engine's whole answer for each resource: secret inputs as they
 * are, a Secret's data as base64. (`RegisterResource RPC finished: …, resp: …` in @pulumi/pulumi, runtime/resource.ts)
 */
export function withoutSecretsInDebugLog(): void {
  const { log } = pulumi;
  const original = log.debug;
  const debug: typeof original = (message, ...rest) => original(withoutAnswer(message), ...rest);
  Object.defineProperty(log, "debug", { value: debug, configurable: true, enumerable: true, writable: true });
}

/** The message as far as it is about what happened. */
export function withoutAnswer(message: string): string {
  return message.replace(/\bresp: .*$/s, "resp: (left out, it may hold secrets)");
}
