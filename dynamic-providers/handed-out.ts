// What tells one MQTT credential of a device from another without being it, and the refusal to change one silently:
// the board that was flashed with it would be locked out. Pure.
import { VisibleError } from "../model/visible-error.ts";
import { UNKNOWN } from "./unknown.ts";

/**
 * As previews show it: `generation 1: secret 3f9a…`.
 *
 * @param kind "key" where the device has a certificate and no password
 */
export function handedOutText(
  generation: number,
  fingerprint: string,
  kind: "secret" | "key" = "secret",
): string {
  return `generation ${generation}: ${kind} ${fingerprint}`;
}

/**
 * @throws VisibleError where the credential is another one although its generation is the same, or where it is an
 *   older one, which may have been revoked
 */
export function refuseOtherCredential(device: string, before: string | undefined, after: string): void {
  if (before === undefined || before === after || after === UNKNOWN) return;
  const [old, now] = [generationOf(before), generationOf(after)];
  if (now > old) return;
  if (now < old) throw wouldGoBack(device, old, now);
  // A password for a certificate or the other way round: the fleet changes that step by step (credentials-provider.ts).
  if (kindOf(before) !== kindOf(after)) return;
  throw new VisibleError(
    `Device "${device}": its MQTT ${kindOf(after) === "key" ? "key" : "password"} would become another one, and the board that was flashed with the present one would be locked out.`,
    {
      hint: 'Put back what it derives from (the oldest name in "formerly", the stack\'s root key, the Secrets labelled edgeflock.io/adopted), or raise spec.credentials.generation to give the device a new one on purpose.',
    },
  );
}

function generationOf(text: string): number {
  return Number(/^generation (\d+)/.exec(text)?.[1]);
}

function kindOf(text: string): string | undefined {
  return text.split(" ")[2];
}

function wouldGoBack(device: string, old: number, now: number): VisibleError {
  return new VisibleError(
    `Device "${device}": its credentials would go back from generation ${old} to ${now}, which may have been revoked.`,
    {
      hint: 'The ConfigMap edgeflock-credentials of its namespace, or the device\'s Secret, was changed by somebody. Run "pulumi refresh"; if that does not help, set spec.credentials.generation to a higher number.',
    },
  );
}
