// What tells one MQTT credential of a device from another without being it, and the refusal to change one silently:
// the board that was flashed with it would be locked out. Pure.
import { VisibleError } from "../model/visible-error.ts";
import { UNKNOWN } from "./unknown.ts";

/** As previews show it: `generation 1: secret 3f9a…`. */
export function handedOutText(generation: number, fingerprint: string): string {
  return `generation ${generation}: secret ${fingerprint}`;
}

/** @throws VisibleError where the credential is another one although its generation is the same */
export function refuseOtherCredential(device: string, before: string | undefined, after: string): void {
  if (before === undefined || before === after || after === UNKNOWN) return;
  const generationOf = (text: string) => text.split(":")[0];
  if (generationOf(before) !== generationOf(after)) return;
  throw new VisibleError(
    `Device "${device}": its MQTT password would become another one, and the board that was flashed with the present one would be locked out.`,
    {
      hint: 'Put back what it derives from (the oldest name in "formerly", the stack\'s root key, the Secrets labelled edgeflock.io/adopted), or raise spec.credentials.generation to give the device a new one on purpose.',
    },
  );
}
