// Loaded before Pulumi's SDK, in the program's and the dynamic providers' process: parts of the SDK that turn functions
// into text, and that start pulumi, are loaded once somebody uses them. Nobody does in a fleet, and they are most of
// what an update loads (the TypeScript compiler, npm's own tree of packages). Changes this process's module cache only.
import { createRequire, Module } from "node:module";

const RARELY_USED = ["./typescript-shim.js", "@npmcli/arborist", "./automation/index.js"];

const [sdk] = /^.*[\\/]@pulumi[\\/]pulumi[\\/]/.exec(process.argv[1] ?? "") ?? [];
if (sdk) for (const specifier of RARELY_USED) loadWhenUsed(createRequire(sdk), specifier);

/** A version of the SDK without such a module is left as it is. */
function loadWhenUsed(require: NodeJS.Require, specifier: string): void {
  let path: string;
  try {
    path = require.resolve(specifier);
  } catch {
    return;
  }
  let loaded: object | undefined;
  const load = (): object => {
    if (!loaded) {
      delete require.cache[path];
      loaded = require(path) as object;
    }
    return loaded;
  };
  const module = new Module(path);
  module.filename = path;
  module.loaded = true;
  module.exports = standIn(load);
  require.cache[path] = module;
}

/** Looks like the module that `load` gives; only the question whether it is one, which every importer asks, loads nothing. */
function standIn(load: () => object): unknown {
  return new Proxy(Nothing as object, {
    get: (_, key) => key === "__esModule" || Reflect.get(load(), key),
    set: (_, key, value) => Reflect.set(load(), key, value),
    has: (_, key) => Reflect.has(load(), key),
    ownKeys: () => [...new Set([...Reflect.ownKeys(load()), "prototype"])],
    getOwnPropertyDescriptor(target, key) {
      if (key === "prototype") return Reflect.getOwnPropertyDescriptor(target, key);
      const property = Reflect.getOwnPropertyDescriptor(load(), key);
      return property && { ...property, configurable: true };
    },
    construct: (_, args) => Reflect.construct(load() as new () => object, args),
  });
}

/** Some modules are a function. Its own `prototype` cannot be taken away. */
function Nothing(): void {}
