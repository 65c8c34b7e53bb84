// A stand-in for pulumi-resource-command: local.Command, with the outputs, state and replacements of the
// official plugin, so that a stack can move between the two with 0 changes. A bridge for places where the
// official plugin cannot be had, kept small: nothing remote, no assets. Starts the commands it is given.
import { engineAddressOf } from "../plugin-server.ts";
import { serveCommand } from "./command-provider.ts";

await serveCommand({ engineAddress: engineAddressOf(process.argv.slice(2)) });
