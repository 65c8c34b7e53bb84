// Where the demo keeps what it makes. Touches nothing.
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
export const STACK = "demo";
/** Of the demo's manifests, relative to the project. */
export const MANIFESTS = join("stacks", STACK);
export const STACK_FILE = join(PROJECT, "stacks", `Pulumi.${STACK}.yaml`);
/** Ignored by git: state, passphrase, the embedded Kubernetes and the virtual boards. */
export const STATE_FOLDER = join(PROJECT, ".edgeflock");
export const SECRETS_FILE = join(STATE_FOLDER, "demo-secrets.json");
export const BOARDS_FOLDER = join(STATE_FOLDER, "virtual-boards");
