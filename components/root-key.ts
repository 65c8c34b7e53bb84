// The fleet's root key: from it every credential of the stack's devices is derived. Declares one resource.
import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { ROOT_KEY_NAME } from "../model/names.ts";

/** Letters and digits: 256 bits. */
const ROOT_KEY_LENGTH = 43;

/**
 * One a program run; the Automation API runs several in one process, each with a root resource of its own.
 *
 * Not RandomBytes, though bytes are what is wanted: its id is its value, and the state keeps every id in the clear.
 */
const keys = new WeakMap<object, random.RandomPassword>();
let keyWithoutStack: random.RandomPassword | undefined;

/** The root key of this stack in base64, secret. Protected: `pulumi destroy` stops at it until it is unprotected. */
export function rootKey(): pulumi.Output<string> {
  const stack = pulumi.runtime.getStackResource();
  const existing = stack ? keys.get(stack) : keyWithoutStack;
  const args = { length: ROOT_KEY_LENGTH, special: false };
  const key = existing ?? new random.RandomPassword(ROOT_KEY_NAME, args, { protect: true });
  if (stack) keys.set(stack, key);
  else keyWithoutStack = key;
  return pulumi.secret(key.result.apply(rootKeyOf));
}

/** @param result of the resource @returns base64 */
export function rootKeyOf(result: string): string {
  return createHash("sha256").update(result).digest("base64");
}
