// What pulumi loads for `--policy-pack`. Plain JavaScript, since its runner would have an old ts-node read a .ts file
// here: in a checkout this runs the TypeScript source, installed what was compiled from it.
import { existsSync } from "node:fs";

const source = new URL("./pack.ts", import.meta.url);
const compiled = new URL("./pack.js", import.meta.url);
// Not awaited: pulumi loads this file by require(). What fails is an unhandled rejection, which its runner reports.
import((existsSync(source) ? source : compiled).href);
