// Gathers what an adoption is planned from: the stack's fleet and configuration, and what is in the namespace.
// Reads files, may ask pulumi for the selected stack, asks the API server.

import { join } from "node:path";
import { TOPOLOGY_KINDS } from "../../builders/rabbitmq/topology-objects.ts";
import { readAdoptedValues } from "../../components/adopted-values.ts";
import type { KubernetesApi, KubernetesObject } from "../../kubernetes/api.ts";
import { clusterRoleNames } from "../../model/access-plan.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { prepareEnvironment } from "../../toolchain/environment.ts";
import { stderrProgress } from "../../toolchain/progress.ts";
import { projectFolder } from "../../toolchain/project-folder.ts";
import { meantStack } from "../../toolchain/pulumi-stack.ts";
import {
  declaredFolder,
  ownConfig,
  plainStackName,
  readProjectFile,
  readStackConfig,
  stackFilePath,
} from "../../toolchain/stack-file.ts";
import { connectStack } from "../connect-stack.ts";
import { fleetOf } from "../stack-fleet.ts";
import { carryOut } from "./carry-out.ts";
import { type Adoption, planAdoption } from "./plan-adoption.ts";
import type { LiveObject, LiveSecret } from "./read-device-secret.ts";

export interface OpenOptions {
  stack?: string | undefined;
  from?: string | undefined;
  secretNames: readonly string[];
}

export interface OpenAdoption {
  plan: Adoption;
  /** @throws VisibleError where objects belong to a stack that was not named */
  refuseForeign(): void;
  /** @throws VisibleError where boards would be locked out */
  refuseLockout(): void;
  carryOut(): Promise<void>;
}

export async function openAdoption(namespace: string, options: OpenOptions): Promise<OpenAdoption> {
  const folder = projectFolder();
  const project = await projectName(folder);
  const stack = await chosenStack(folder, options.stack);
  const get = ownConfig(await stackConfig(folder, stack));
  const meant = { name: stack, projectFolder: folder, folder: declaredFolder(folder, stack, get), get };
  const api = await connectStack(folder, get);
  const documents = await fleetOf(meant, () => Promise.resolve(api));
  const live = await gather(api, namespace);
  const adopted = await readAdoptedValues(api, namespace);
  const { from, secretNames } = options;
  const input = { documents, namespace, project, stack, adopted, from, secretNames, ...live };
  const plan = planAdoption(input);
  return {
    plan,
    refuseForeign: () => refuse(plan),
    refuseLockout: () => refuseLockout(plan),
    carryOut: () => carryOut(api, namespace, plan, adopted, `${project}/${stack}/${plan.cluster}`),
  };
}

async function projectName(folder: string): Promise<string> {
  const { name } = await readProjectFile(folder);
  if (name !== undefined) return name;
  throw new VisibleError(`${join(folder, "Pulumi.yaml")} names no project.`);
}

async function chosenStack(folder: string, given: string | undefined): Promise<string> {
  const progress = stderrProgress();
  const { environment, tools } = await prepareEnvironment({
    projectFolder: folder,
    tools: ["pulumi"],
    progress,
  });
  const args = given === undefined ? [] : ["--stack", given];
  const stack = await meantStack(args, { project: folder, pulumi: tools.pulumi!.path, environment });
  if (stack) return plainStackName(stack);
  throw new VisibleError("No stack is selected.", { hint: "Name one with --stack." });
}

async function stackConfig(folder: string, stack: string): Promise<Record<string, unknown>> {
  const config = await readStackConfig(folder, stack);
  if (config) return config;
  throw new VisibleError(`The stack's configuration ${await stackFilePath(folder, stack)} cannot be read.`, {
    hint: `Make the stack first: edgeflock pulumi stack init ${stack}`,
  });
}

/** Beside Secrets, which are read whole. */
const KINDS = [
  { apiVersion: "v1", kind: "ConfigMap" },
  { apiVersion: "v1", kind: "ServiceAccount" },
  { apiVersion: "coordination.k8s.io/v1", kind: "Lease" },
  { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role" },
  { apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding" },
  ...TOPOLOGY_KINDS.filter(({ kind }) => kind !== "Secret"),
];

async function gather(
  api: KubernetesApi,
  namespace: string,
): Promise<{ objects: LiveObject[]; secrets: LiveSecret[] }> {
  const address = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
  const own = await api.getOrUndefined<KubernetesObject>(address);
  if (!own) {
    throw new VisibleError(`There is no namespace "${namespace}" in the kube-context "${api.contextName}".`, {
      hint: 'There is nothing to adopt: "pulumi up" makes it.',
    });
  }
  const secrets = await api.list<LiveSecret>({ apiVersion: "v1", kind: "Secret", namespace });
  const others = await Promise.all(
    KINDS.map(async (of) => {
      if (!(await api.hasKind(of))) return [];
      const found = await api.listMetadata({ ...of, namespace });
      return found.map(({ metadata }) => ({ ...of, metadata }));
    }),
  );
  const everywhere = await Promise.all(
    ["ClusterRole", "ClusterRoleBinding"].flatMap((kind) =>
      clusterRoleNames(namespace).map((name) =>
        api.getOrUndefined<KubernetesObject>({
          apiVersion: "rbac.authorization.k8s.io/v1",
          kind,
          metadata: { name },
        }),
      ),
    ),
  );
  const global = everywhere.filter((object) => object !== undefined);
  return { objects: [own, ...secrets, ...others.flat(), ...global], secrets };
}

function refuse({ foreign }: Adoption): void {
  const first = foreign[0];
  if (!first) return;
  const [project, stack] = first.token.split("/");
  const { kind, metadata } = first.object;
  const rest = foreign.length > 1 ? ` (and ${foreign.length - 1} more)` : "";
  throw new VisibleError(`${kind} ${metadata.name}${rest} belongs to the stack ${project}/${stack}.`, {
    hint: `If that stack is in use no longer, take its objects over with --from ${project}/${stack}. Nothing was changed.`,
  });
}

function refuseLockout({ lockedOut }: Adoption): void {
  if (lockedOut.length === 0) return;
  const names = lockedOut.map(({ device }) => device);
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");
  throw new VisibleError(`These boards may hold older credentials, which nobody knows any more: ${shown}.`, {
    hint: "Flash them first with what is in their Secrets (the flash scripts need no state), which notes it in their Leases; or have them locked out with --end-older. Nothing was changed.",
  });
}
