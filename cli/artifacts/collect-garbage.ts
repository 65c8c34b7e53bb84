// `edgeflock artifacts gc`. Removes from the store, when told to.
import { judgedArtifacts } from "./list.ts";
import { openStoreOf, type StoreOptions } from "./open-stores.ts";
import { rowOf } from "./rows.ts";

export async function collectGarbage(options: StoreOptions & { yes?: true; json?: true }): Promise<void> {
  const opened = await openStoreOf(options);
  const garbage = (await judgedArtifacts(opened)).filter((one) => one.garbage !== undefined);
  for (const one of garbage) {
    const line = `${one.digest.slice(0, 19)}  ${one.garbage}  (${one.where})`;
    if (options.yes) await (await opened.as(one.user ?? "")).delete(one.reference);
    if (!options.json) console.log(`${options.yes ? "removed" : "would go"}  ${line}`);
  }
  if (options.json) {
    const rows = garbage.map((one) => ({ ...rowOf(one), removed: options.yes === true }));
    console.log(JSON.stringify(rows, undefined, 2));
  } else if (garbage.length === 0) console.log("Nothing to clear up.");
  else if (!options.yes) console.log("Nothing was removed; add --yes to do it.");
}
