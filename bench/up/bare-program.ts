// The peer: what a person would write who needs one generated credential and one Secret a device, and no more.

/** The text of the program. `value` stands in each Secret, so that changing it changes every one. */
export function bareProgram(devices: number, value = "value"): string {
  return `import * as kubernetes from "@pulumi/kubernetes";
import * as random from "@pulumi/random";

const config = { enableSecretMutable: true };
const provider = new kubernetes.Provider("cluster", config);
const namespace = new kubernetes.core.v1.Namespace("bare", { metadata: { name: "bare-${devices}" } }, { provider });
for (let n = 0; n < ${devices}; n++) {
  const name = "device-" + n;
  const key = new random.RandomBytes(name, { length: 32 });
  new kubernetes.core.v1.Secret(
    name,
    { metadata: { name, namespace: namespace.metadata.name }, stringData: { MQTT_PASSWORD: key.base64, setting: ${JSON.stringify(value)} } },
    { provider },
  );
}
`;
}
