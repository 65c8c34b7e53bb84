// Checks of `spec.formerly`: a name is somebody's, or was somebody's, and never both. Who took an old name would take
// the credentials that derive from it. Pure; touches nothing.
import type { Declared } from "./declared.ts";
import { formerPlace } from "./former-names.ts";
import { type Problem, quote } from "./problem.ts";
import type { Manifest } from "./schema.ts";

export function checkFormerNames(declared: Declared, namespaceOf: (manifest: Manifest) => string): Problem[] {
  const problems: Problem[] = [];
  const id = (kind: string, namespace: string, name: string) => `${kind} ${namespace}/${name}`;
  const all = declared.all();
  const used = new Map(
    all.map((each) => [id(each.kind, namespaceOf(each), each.metadata.name), each] as const),
  );
  const former = new Map<string, Manifest>();
  for (const manifest of all) {
    for (const [index, text] of manifest.spec.formerly.entries()) {
      const place = formerPlace(text, namespaceOf(manifest));
      const name = id(manifest.kind, place.namespace, place.name);
      const problem = problemWith(declared, manifest, text, used.get(name), former.get(name));
      if (problem) problems.push(declared.problem(manifest, ["spec", "formerly", index], problem));
      former.set(name, former.get(name) ?? manifest);
    }
  }
  return problems;
}

function problemWith(
  declared: Declared,
  manifest: Manifest,
  text: string,
  user: Manifest | undefined,
  heir: Manifest | undefined,
): string | undefined {
  if (user === manifest) return `${quote(text)} is the present name; formerly lists names it had before`;
  if (user) {
    return `${quote(text)} is the name of ${declared.describe(user)}; a new one needs a new name, since credentials derive from names`;
  }
  if (heir === manifest) return `${quote(text)} is listed twice`;
  if (heir) return `${declared.describe(heir)} had this name already; only one can have been it`;
  return undefined;
}
