// The stack's policies as arguments of pulumi: `edgeflock:policies` names the file that says them, or `default`.
// Reads that file; writes it below .edgeflock/ in the form that pulumi takes.
import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LineCounter, parseDocument } from "yaml";
import { suggest } from "../../model/suggest.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { RULE_NAMES } from "../../policy-pack/rules.ts";
import { stateFolder } from "../../toolchain/project-folder.ts";
import { ownConfig, plainStackName, readStackConfig } from "../../toolchain/stack-file.ts";
import { writePrivateFile } from "../../toolchain/write-private-file.ts";

/** Beside Edgeflock's own code, with all that pulumi's runner of policies looks for. */
export const POLICY_PACK = fileURLToPath(new URL("../../policy-pack", import.meta.url));

/**
 * Nothing where the stack asks for none.
 *
 * @throws VisibleError naming the file, and the line where YAML is broken
 */
export async function policyArguments(projectFolder: string, stack: string): Promise<string[]> {
  const asked = ownConfig((await readStackConfig(projectFolder, stack)) ?? {})("policies");
  if (asked === undefined) return [];
  const pack = ["--policy-pack", POLICY_PACK];
  if (asked === "default") return pack;
  const rules = await readRules(isAbsolute(asked) ? asked : join(projectFolder, asked), asked);
  const file = join(await stateFolder(projectFolder), `policies-${plainStackName(stack)}.json`);
  await writePrivateFile(file, JSON.stringify(rules, undefined, 2));
  return [...pack, "--policy-pack-config", file];
}

/** What a rule may be told is pulumi's to check, by the pack's own schema. */
async function readRules(path: string, shown: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new VisibleError(`edgeflock:policies names ${shown}, which cannot be read.`, {
      hint: 'It takes a YAML file of the project, or "default"; docs/policies.md shows one.',
      cause,
    });
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const problems = document.errors.map(({ pos: [at], message }) => {
    const { line, col } = lines.linePos(at);
    return `${shown}:${line}:${col}: ${message.split("\n")[0]}`;
  });
  const rules: unknown = problems.length > 0 ? {} : (document.toJS() ?? {});
  if (typeof rules !== "object" || rules === null || Array.isArray(rules)) {
    problems.push(`${shown}: expected a map from a rule's name to its settings.`);
  } else {
    problems.push(...Object.keys(rules).flatMap((name) => unknownRule(name, shown)));
  }
  if (problems.length > 0) throw new VisibleError(problems.join("\n"));
  return rules as Record<string, unknown>;
}

function unknownRule(name: string, shown: string): string[] {
  const known = [...RULE_NAMES, "all"];
  if (known.includes(name)) return [];
  const meant = suggest(name, known);
  return [
    `${shown}: there is no rule "${name}"${meant === undefined ? `; rules: ${known.join(", ")}` : `; did you mean ${meant}?`}`,
  ];
}
