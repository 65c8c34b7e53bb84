import { expect, it } from "vitest";
import { atBroker } from "../../model/embedded-broker.ts";
import { fleet, load } from "./manifests.ts";

const ENDPOINT = { port: 18883, ca: "-----BEGIN CERTIFICATE-----\n" };
const withAuth = (auth: string) =>
  load(fleet().replace("topicRoot: greenhouse", `topicRoot: greenhouse, auth: ${auth}`));

it("the project's own broker takes the place of a Mosquitto whose devices have passwords", () => {
  const [cluster] = atBroker(withAuth("password"), ENDPOINT).clusters;
  expect(cluster!.manifest.spec.mqtt).toMatchObject({
    broker: { host: "127.0.0.1", port: 18883, tls: true },
    ca: ENDPOINT.ca,
  });
});

it.each(["certificate", "both"])("it is refused where devices have to have certificates: %s", (auth) => {
  expect(() => atBroker(withAuth(auth), ENDPOINT)).toThrow(
    `knows passwords only, no certificates: greenhouse (mqtt.auth: ${auth})`,
  );
});
