// Removes what the demo made, and nothing else: other stacks of the checkout keep their state and their cluster.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { loadManifests } from "../../model/load-manifests.ts";
import { readManifestFiles } from "../../model/read-manifest-files.ts";
import { removeBroker } from "../../toolchain/embedded-broker/broker.ts";
import { reset, start } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { toolEnvironment } from "../../toolchain/environment.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import { demoSecrets, secretVariables } from "./demo-secrets.ts";
import {
  BOARDS_FOLDER,
  MANIFESTS,
  PROJECT,
  SECRETS_FILE,
  STACK,
  STACK_FILE,
  STATE_FOLDER,
} from "./places.ts";
import { pulumiRunner } from "./pulumi-runner.ts";

/** What the set-up puts into the state folder for all stacks of the checkout. */
const SHARED = ["kubernetes", "state", "passphrase", "pulumi-home", "bin"];

export async function destroyDemo(): Promise<void> {
  const progress = stderrProgress();
  const env = await toolEnvironment({ projectFolder: PROJECT, progress });
  const documents = loadManifests(readManifestFiles(join(PROJECT, MANIFESTS)));
  const pulumi = pulumiRunner({
    ...env,
    ...demoSecrets(secretVariables(documents), SECRETS_FILE, process.env),
  });
  const stacks = await pulumi.stacks();
  if (stacks.includes(STACK)) {
    await start(PROJECT, { progress });
    await pulumi.quiet("stack", "select", STACK);
    await pulumi.quiet("state", "unprotect", "--all", "--yes");
    await pulumi.shown("destroy", "--yes", "--skip-preview", "--remove");
  }
  for (const path of [SECRETS_FILE, BOARDS_FOLDER, STACK_FILE])
    rmSync(path, { recursive: true, force: true });
  const others = stacks.filter((name) => name !== STACK);
  if (others.length > 0) {
    console.log(
      `The demo is gone. State, embedded Kubernetes and broker stay, as these stacks use them: ${others.join(", ")}.`,
    );
    return;
  }
  await removeBroker(PROJECT);
  await reset(PROJECT, { progress });
  for (const name of SHARED) rmSync(join(STATE_FOLDER, name), { recursive: true, force: true });
  console.log("Everything that the demo made is gone. The downloaded tools stay in the cache.");
}
