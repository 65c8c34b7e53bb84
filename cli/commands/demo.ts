// `edgeflock demo`: the demo fleet on the embedded Kubernetes, from nothing to flashed; or all of it removed again.
import { Command } from "commander";

export function command(): Command {
  return new Command("demo")
    .description(
      "Bring up the demo fleet (stacks/demo) on the embedded Kubernetes, and flash one of its devices.",
    )
    .option("--destroy", "remove all that the demo made: the fleet, its stack and the embedded Kubernetes")
    .addHelpText(
      "after",
      `
The first run sets up what is missing (pulumi, a Kubernetes API server, esptool); later runs take seconds.
Edit stacks/demo/*.yaml and run it again: only the devices that a change reaches are touched.
Nothing outside the checkout's .edgeflock/ and the cache folder is written; your own clusters are never used.`,
    )
    .action(async (options: { destroy?: boolean }) => {
      const { runDemo } = await import("../demo/run.ts");
      const { destroyDemo } = await import("../demo/destroy.ts");
      await (options.destroy ? destroyDemo() : runDemo());
    });
}
