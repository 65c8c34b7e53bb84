// Kinds of text that the schemas are made of: plain text, names, certificates. Pure; touches nothing.
import { z } from "zod";
import { celMatches } from "./cel.ts";
import { DNS_LABEL } from "./names.ts";

/** Nothing but tab and line feed of Unicode's category Cc. */
export const WITHOUT_CONTROL_CHARACTERS = /^[\P{Cc}\t\n]*$/u;

/** At most so many characters, counted as Kubernetes does: code points. */
export function text(max: number) {
  const fits = (value: string) => value.length <= max || [...value].length <= max;
  return z.string().refine(fits, `must have at most ${max} characters`).meta({ maxLength: max });
}

/** Text without control characters other than tab and line feed. */
export function plainText(max: number) {
  return text(max)
    .refine((value) => WITHOUT_CONTROL_CHARACTERS.test(value), "must not contain control characters")
    .refine((value) => value.isWellFormed(), "must be well-formed Unicode")
    .meta({ pattern: WITHOUT_CONTROL_CHARACTERS.source });
}

/** What `plainText` says of a value of whatever type, with one character at least. */
export function plainTextCondition(of: string, max: number): string {
  return `(type(${of}) == string && size(${of}) >= 1 && size(${of}) <= ${max} && ${celMatches(of, WITHOUT_CONTROL_CHARACTERS)})`;
}

export function dnsLabel(max: number) {
  return z
    .string()
    .max(max, `must have at most ${max} characters`)
    .regex(DNS_LABEL, 'must be a DNS label: a-z, 0-9 and "-", beginning and ending with a letter or digit');
}

/** Certificates in PEM form, one after the other. https://www.rfc-editor.org/rfc/rfc7468#section-5 */
const PEM = /^(-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n*)+$/;

/** A certificate or a chain of them, of at most so many characters. */
export function pemText(max: number, tooLong?: string) {
  return z.string().max(max, tooLong).regex(PEM, "must be certificates in PEM form");
}
