// The peer: what a person would write who needs a component and one Secret a device, and no more. Pure.

/** The text of the program. `value` stands in the Secrets of every tenth device, as a group's password would. */
export function bareProgram(devices: number, value = "value"): string {
  return `import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

const provider = new kubernetes.Provider("cluster", { enableSecretMutable: true });
const namespace = new kubernetes.core.v1.Namespace("bare", { metadata: { name: "bare" } }, { provider });
class Device extends pulumi.ComponentResource {
  constructor(name, password) {
    super("bare:index:Device", name, {}, {});
    new kubernetes.core.v1.Secret(
      name,
      {
        metadata: { name, namespace: namespace.metadata.name },
        stringData: { MQTT_USERNAME: name, MQTT_PASSWORD: pulumi.secret("password of " + name), WIFI_PASSWORD: password },
      },
      { parent: this, provider },
    );
    this.registerOutputs({});
  }
}
for (let n = 0; n < ${devices}; n++) {
  new Device("device-" + n, pulumi.secret(n % 10 === 0 ? ${JSON.stringify(value)} : "value"));
}
`;
}
