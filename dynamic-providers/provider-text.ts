// The text that Pulumi keeps as `__provider` of each of our dynamic resources. Touches nothing.
//
// Pulumi stores this text in the state, twice a resource, and runs the stored text for reads and deletes
// even years later. So it is a constant that only names a permanent module path; all logic is behind it,
// in ordinary functions. (The SDK's own way, serializing a provider object, gives the same shape: a module
// whose `handler()` returns the provider; it loads the TypeScript compiler to get there.)
// https://www.pulumi.com/docs/iac/concepts/resources/dynamic-providers/

/** Which provider of `edgeflock/dynamic-providers` a resource belongs to. Names are permanent. */
export type ProviderName = "device" | "firmware" | "broker" | "credentials" | "telemetry" | "storeUsers";

/** The `__provider` text. Changing it is a migration of every user's state. */
export function providerText(name: ProviderName): string {
  return (
    "exports.handler=()=>process.getBuiltinModule('module')" +
    `.createRequire(process.cwd()+'/')('edgeflock/dynamic-providers').${name}`
  );
}
