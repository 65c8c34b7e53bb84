// `edgeflock adopt NAMESPACE`: takes a namespace that exists into a stack without changing a credential.
import { Command } from "commander";
import type { Adoption } from "../adopt/plan-adoption.ts";

interface Options {
  stack?: string;
  from?: string;
  secretName: string[];
  endOlder?: true;
  yes?: true;
  json?: true;
}

const SECRET_NAMES = ["{device}", "{device}-mqtt", "{device}-credentials"];

export function command(): Command {
  return new Command("adopt")
    .description("Take a namespace whose Secrets exist into a stack, without changing a credential.")
    .argument("<namespace>", "the Kubernetes namespace; the stack declares a DevicesCluster for it")
    .option("--stack <name>", "the stack (default: the selected one)")
    .option(
      "--from <project/stack>",
      "take over what belongs to this other stack, which must be in use no longer",
    )
    .option(
      "--secret-name <pattern...>",
      "names of Secrets with a device's username and password",
      SECRET_NAMES,
    )
    .option(
      "--end-older",
      "adopt although boards that hold older credentials, amid a rotation, are locked out",
    )
    .option("-y, --yes", "adopt; without it only a preview is shown")
    .option("--json", "print the plan as JSON; it holds no secret")
    .addHelpText(
      "after",
      `
For a stack whose state was lost, and for Secrets made by hand or by pedge (username, password).
Declare the fleet first, in the stack's manifests or as objects in its Kubernetes; then look at the preview, adopt, and run "pulumi up".

Examples:
  edgeflock adopt greenhouse
  edgeflock adopt greenhouse --stack prod --yes
  edgeflock adopt greenhouse --secret-name "mqtt-{device}" --yes`,
    )
    .action(adopt);
}

async function adopt(namespace: string, options: Options): Promise<void> {
  const { openAdoption } = await import("../adopt/open-adoption.ts");
  const adoption = await openAdoption(namespace, {
    stack: options.stack,
    from: options.from,
    secretNames: options.secretName,
  });
  const { plan } = adoption;
  if (options.json) console.log(JSON.stringify(asJson(plan), null, 2));
  else console.log(describe(plan, namespace));
  adoption.refuseForeign();
  if (!options.yes) {
    if (!options.json) console.log("\nNothing was changed. Adopt with --yes.");
    return;
  }
  if (!options.endOlder) adoption.refuseLockout();
  await adoption.carryOut();
  if (!options.json)
    console.log(`\nAdopted. Next: edgeflock pulumi preview --diff, then edgeflock pulumi up.`);
}

function asJson({ kept, fresh, owners, foreign, lockedOut, cluster }: Adoption) {
  const named = ({ kind, metadata }: { kind: string; metadata: { name: string } }) =>
    `${kind} ${metadata.name}`;
  return {
    cluster,
    kept,
    new: fresh,
    lockedOut,
    owners: owners.map(({ object, token, before }) => ({
      object: named(object),
      owner: token,
      before: before ?? null,
    })),
    foreign: foreign.map(({ object, token }) => ({ object: named(object), owner: token })),
  };
}

function describe({ kept, fresh, owners, lockedOut, cluster }: Adoption, namespace: string): string {
  const section = (title: string, lines: string[]) =>
    lines.length === 0 ? [] : [`\n${title}`, ...lines.map((line) => `  ${line}`)];
  return [
    `The namespace ${namespace} becomes that of DevicesCluster ${cluster}.`,
    ...section(
      "Kept as they are:",
      kept.map(({ what, from }) => `${what}, from ${from}`),
    ),
    ...section(
      "Locked out, unless their boards are flashed first, as only the newest credentials are known:",
      lockedOut.map(
        ({ device, oldest, generation }) =>
          `Device ${device}: its board may hold generation ${oldest}, its Secret has ${generation}`,
      ),
    ),
    ...section("Not found; new ones are made by the next update:", fresh),
    ...section(
      "Owned by this stack from then on (it updates them, and deletes them with the fleet):",
      owners.map(
        ({ object, before }) =>
          `${object.kind} ${object.metadata.name}${before === undefined ? "" : `, until now of ${before}`}`,
      ),
    ),
  ].join("\n");
}
