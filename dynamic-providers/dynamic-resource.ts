// Base of our dynamic resources: registers one with the engine under a constant provider text.
import * as pulumi from "@pulumi/pulumi";
import { type ProviderName, providerText } from "./provider-text.ts";

export class DynamicResource extends pulumi.CustomResource {
  /**
   * @param provider which of our providers serves it
   * @param type the resource's type, shown as `pulumi-nodejs:dynamic/edgeflock:<type>`
   * @param props inputs, and `undefined` for each output that the provider computes
   */
  constructor(
    provider: ProviderName,
    type: string,
    name: string,
    props: pulumi.Inputs,
    opts: pulumi.CustomResourceOptions,
  ) {
    super(
      `pulumi-nodejs:dynamic/edgeflock:${type}`,
      name,
      { ...props, __provider: providerText(provider) },
      opts,
    );
    // The SDK makes an output of every input too. Nobody asks for them here, and of thousands of devices they would
    // take most of the program's memory.
    const given = Object.keys(props).filter((key) => props[key] !== undefined);
    for (const key of [...given, "__provider"]) Reflect.deleteProperty(this, key);
  }
}
