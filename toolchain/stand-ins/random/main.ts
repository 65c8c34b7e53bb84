// A stand-in for pulumi-resource-random: RandomBytes, RandomId, RandomPassword and RandomUuid, with the
// ids, outputs and state of the official plugin, so that a stack can move between the two with 0 changes.
// A bridge for places where the official plugin cannot be had, kept small. Touches nothing outside.
import { engineAddressOf } from "../plugin-server.ts";
import { serveRandom } from "./random-provider.ts";

await serveRandom({ engineAddress: engineAddressOf(process.argv.slice(2)) });
