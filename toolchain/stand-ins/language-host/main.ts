// A stand-in for pulumi-language-nodejs: runs a Node.js program for the engine and tells it how that ended.
// A bridge for places where the official language host cannot be had, kept small. Starts processes
// (the program, npm), reads package.json files.
import { engineAddressOf } from "../plugin-server.ts";
import { serveLanguageHost } from "./language-host.ts";

await serveLanguageHost({ engineAddress: engineAddressOf(process.argv.slice(2)) });
