// The fleet's root key: from it every credential of the stack's devices is derived. Declares one resource.
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { ROOT_KEY_NAME } from "../model/names.ts";

const ROOT_KEY_BYTES = 32;

/** One a program run; the Automation API runs several in one process, each with a root resource of its own. */
const keys = new WeakMap<object, random.RandomBytes>();
let keyWithoutStack: random.RandomBytes | undefined;

/** The root key of this stack in base64, secret. Protected: `pulumi destroy` stops at it until it is unprotected. */
export function rootKey(): pulumi.Output<string> {
  const stack = pulumi.runtime.getStackResource();
  const existing = stack ? keys.get(stack) : keyWithoutStack;
  const key =
    existing ?? new random.RandomBytes(ROOT_KEY_NAME, { length: ROOT_KEY_BYTES }, { protect: true });
  if (stack) keys.set(stack, key);
  else keyWithoutStack = key;
  return pulumi.secret(key.base64);
}
