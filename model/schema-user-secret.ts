// Schema of what Secrets share that programs are given credentials in: a name that is nobody's, and a namespace. Pure;
// touches nothing.
import { z } from "zod";
import { cel, celMatches } from "./cel.ts";
import { RESERVED_ENDINGS } from "./names.ts";
import { dnsLabel } from "./schema-text.ts";

const OWN_NAME = new RegExp(`(${RESERVED_ENDINGS.join("|")}|-broker-\\d+)$`);
const OWN_SECRET = "ends like a Secret that Edgeflock makes; choose another name";

/** What is wrong where two values would go under one key of it. */
export const ONE_KEY = "two values cannot go under one key";

export const userSecretPlace = {
  name: dnsLabel(63)
    .refine((name) => !OWN_NAME.test(name), OWN_SECRET)
    .meta(cel([`!${celMatches("self", OWN_NAME)}`, OWN_SECRET]))
    .describe("Made where it isn't there; a Secret of the application's own keeps its other keys."),
  namespace: dnsLabel(63).describe("Default the cluster's; any other must be there.").optional(),
};

export const userGeneration = z
  .int()
  .min(1)
  .max(1_000_000)
  .describe("Raise it by one to give the user a new password.")
  .default(1);
