// `edgeflock token ROLE`: a token that expires, for a person or program that works with a fleet. Stores nothing.
import { Argument, Command } from "commander";
import { ACCESS_ROLES, type AccessRole } from "../../model/access-plan.ts";

interface Options {
  cluster?: string;
  duration: string;
  kubeconfig?: true;
  execCredential?: true;
  context?: string;
  json?: true;
}

export function command(): Command {
  return new Command("token")
    .description("Get a token that expires, or a kubeconfig with one, for a role of a fleet.")
    .addArgument(new Argument("<role>", "what its bearer may do").choices(ACCESS_ROLES))
    .option(
      "--cluster <name>",
      "DevicesCluster (default: the only one, or the one of the context's namespace)",
    )
    .option("--duration <time>", "how long it is valid, from 10m; the API server may give less", "8h")
    .option("--kubeconfig", "print a whole kubeconfig instead of the token")
    .option("--exec-credential", "print it as kubectl wants it of a credential plugin")
    .option(
      "--context <name>",
      "kube-context to ask with (default: the current one; KUBECONFIG as in kubectl)",
    )
    .option("--json", "print token, expiry, namespace and ServiceAccount as JSON")
    .addHelpText(
      "after",
      `
The roles: clusters manages everything of the fleet, devices its devices, flasher reads what a flash needs,
dashboard sees all but Secrets. docs/access.md says it in full. Nothing is stored; a lost token ends by itself.
The stack's output "kubeconfigs" has kubeconfigs that call this by themselves.

Examples:
  npx edgeflock token flasher --cluster greenhouse --duration 8h --kubeconfig > flasher.kubeconfig
  KUBECONFIG=flasher.kubeconfig sh flash.sh cam-001`,
    )
    .action(printToken);
}

async function printToken(role: AccessRole, options: Options): Promise<void> {
  const { durationSeconds, issueToken } = await import("../access/issue-token.ts");
  const { token, expires, kubeconfig, namespace, account } = await issueToken(
    role,
    durationSeconds(options.duration),
    options,
  );
  const json = () => JSON.stringify({ token, expires, namespace, serviceAccount: account }, undefined, 2);
  if (options.execCredential) {
    const { execCredential } = await import("../access/issue-token.ts");
    process.stdout.write(`${execCredential({ token, expires })}\n`);
    return;
  }
  process.stdout.write(options.kubeconfig ? kubeconfig : `${options.json ? json() : token}\n`);
  console.error(`${account} in ${namespace}, valid until ${expires}`);
}
