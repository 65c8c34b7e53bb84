// The steps before and after a builder in its pod, as the program of their image: `prepare` and `upload`.
import { VisibleError } from "../../model/visible-error.ts";

async function main(step: string | undefined): Promise<void> {
  if (step === "prepare") await (await import("./prepare.ts")).prepare();
  else if (step === "upload") await (await import("./upload.ts")).upload();
  else throw new VisibleError(`there is no step ${JSON.stringify(step)}; steps are prepare and upload`);
}

main(process.argv[2]).catch((error: unknown) => {
  console.error(error instanceof VisibleError ? error.message : error);
  process.exitCode = 1;
});
