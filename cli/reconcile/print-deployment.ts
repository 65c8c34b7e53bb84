// Prints the objects that run the reconciler in a cluster, as YAML. Reads the stack's configuration.
import { stringify } from "yaml";
import { sourceFromConfig } from "../../kubernetes/declared.ts";
import { dnsLabelProblem } from "../../model/names.ts";
import { quote } from "../../model/problem.ts";
import { type DeploymentInput, reconcilerObjects } from "../../model/reconciler-deployment.ts";
import type { KeptFleet } from "../../model/reconciler-rights.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { projectFolder } from "../../toolchain/project-folder.ts";
import { ownConfig, readProjectFile, readStackConfig } from "../../toolchain/stack-file.ts";
import { listStacks } from "../stack-fleet.ts";
import { leaseName } from "./lease-name.ts";

export interface PrintOptions
  extends Omit<DeploymentInput, "context" | "fleets" | "stack" | "dryRun" | "jobs" | "lease"> {
  stack?: string;
  fleet: readonly string[];
  dryRun?: true;
}

const BY_DIGEST = /^[^\s@]+@sha256:[0-9a-f]{64}$/;

/** @throws VisibleError with everything that is wrong with the options */
export async function printDeployment(options: PrintOptions): Promise<void> {
  const stack = options.stack ?? process.env.PULUMI_STACK ?? (await onlyStack());
  const config = await readStackConfig(projectFolder(), stack);
  const get = ownConfig(config ?? {});
  const context = get("kubeContext");
  const wrong = problems(options);
  if (config === undefined) wrong.push(`the stack ${quote(stack)} has no configuration here`);
  else if (sourceFromConfig(get) !== "cluster") wrong.push("the stack's edgeflock:source is not cluster");
  if (config !== undefined && context === undefined) {
    wrong.push(
      "the stack's configuration has no edgeflock:kubeContext, whose name the Pod's kubeconfig gets",
    );
  }
  if (get("kubeconfig") !== undefined) {
    wrong.push(
      "the stack's configuration has edgeflock:kubeconfig, a file that the Pod does not have; set KUBECONFIG on your machine instead",
    );
  }
  if (wrong.length > 0) throw new VisibleError(wrong.join("\n"));
  const { dryRun = false, fleet, ...rest } = options;
  const fleets = fleet.map(keptFleet);
  // without the image of their steps no builder can run as a Job
  const jobs = get("jobSteps") !== undefined;
  const lease = leaseName((await readProjectFile(projectFolder())).name ?? "", stack);
  const objects = reconcilerObjects({ ...rest, stack, context: context!, dryRun, fleets, jobs, lease });
  process.stdout.write(
    objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join("---\n"),
  );
}

function problems({ image, namespace, fleet, projectPath }: PrintOptions): string[] {
  const places = fleet.map(keptFleet).flatMap((each) => [each.cluster, each.namespace]);
  const names = [["--namespace", namespace], ...places.map((each) => ["--fleet", each])] as const;
  const wrong = names.flatMap(([option, name = ""]) => {
    const problem = dnsLabelProblem(name);
    return problem === undefined ? [] : [`${option} ${quote(name)} ${problem}`];
  });
  if (!BY_DIGEST.test(image))
    wrong.push("--image: expected NAME@sha256:…, so that what runs is what was tested");
  if (!projectPath.startsWith("/")) wrong.push("--project-path: expected an absolute path");
  return wrong;
}

/** `greenhouse`, or `greenhouse=its-namespace`. */
function keptFleet(text: string): KeptFleet {
  const [cluster = "", namespace = cluster] = text.split("=", 2);
  return { cluster, namespace };
}

async function onlyStack(): Promise<string> {
  const stacks = await listStacks();
  if (stacks.length === 1) return stacks[0]!;
  throw new VisibleError("Which stack?", { hint: "Add --stack." });
}
