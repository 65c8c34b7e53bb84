// How a value that is not known yet looks to a provider. Touches nothing.

/** In `check` and `diff` during a preview (@pulumi/pulumi, runtime/rpc.ts). */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
