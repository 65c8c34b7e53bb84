import { describe, expect, it } from "vitest";
import { liveKind, managementUrl } from "../../model/mqtt-broker.ts";
import { CLASS, device, problemsOf, stack } from "./manifests.ts";

const problems = (broker: string) =>
  problemsOf(
    stack(
      `apiVersion: edgeflock.io/v1alpha1
kind: DevicesCluster
metadata: { name: greenhouse }
spec:
  namespace: greenhouse
  mqtt:
    broker: { host: mqtt.example, ${broker} }
    topicRoot: greenhouse
`,
      CLASS,
      device("a"),
    ),
  ).map((line) => line.replace(/^f\.yaml:\d+:\d+ spec\.mqtt\.broker\.?/, ""));
const ADMIN = "admin: { username: boss, password: { fromConfig: brokerAdmin } }";

describe("a cluster's broker", () => {
  it("is one of four kinds, each with its ways", () => {
    for (const good of [
      "kind: external",
      "kind: mosquitto",
      "kind: mosquitto, mechanism: files",
      `kind: mosquitto, mechanism: dynsec, ${ADMIN}`,
      `kind: rabbitmq, ${ADMIN}`,
      `kind: rabbitmq, vhost: site/one, ${ADMIN}`,
      "kind: rabbitmq, mechanism: definitions",
      "kind: rabbitmq, mechanism: operator, cluster: { name: rabbit, namespace: messaging }",
      "kind: rabbitmq, mechanism: operator, cluster: { connectionSecret: { name: mine } }, vhost: site",
      `kind: emqx, ${ADMIN}`,
      `kind: emqx, admin: { username: { fromSecret: { name: s, key: k } }, password: { fromEnv: X } }`,
    ]) {
      expect(problems(good), good).toEqual([]);
    }
    expect(problems("kind: mosquitto, mechanism: definitions")).toEqual([
      'mechanism: mosquitto has no mechanism "definitions"; choose files or dynsec',
    ]);
    expect(problems("kind: external, mechanism: files")).toEqual([
      'mechanism: external has no mechanism "files"; leave it out',
    ]);
    expect(problems("kind: rabbitmq, mechanism: operator")).toEqual([
      "cluster: rabbitmq, mechanism operator, needs to know at which RabbitMQ: { name: NAME } of its RabbitmqCluster",
    ]);
    expect(problems(`kind: rabbitmq, cluster: { name: rabbit }, ${ADMIN}`)).toEqual([
      "cluster: rabbitmq, mechanism api, needs no RabbitmqCluster; remove it",
    ]);
    expect(
      problems("kind: rabbitmq, mechanism: operator, cluster: { name: a, connectionSecret: { name: b } }"),
    ).toEqual(["cluster: names one RabbitMQ: { name: NAME } or { connectionSecret: { name: NAME } }"]);
    expect(problems("kind: mosquitto, vhost: x")).toEqual(["vhost: only RabbitMQ has virtual hosts"]);
  });

  it("that takes its users live needs an administrator, whose password is never written down; another has none", () => {
    expect(problems("kind: rabbitmq")).toEqual([
      "admin: rabbitmq, mechanism api, takes its users live and needs an administrator: { username: NAME, password: { fromConfig: KEY } }",
    ]);
    expect(problems(`kind: mosquitto, ${ADMIN}`)).toEqual([
      "admin: mosquitto, mechanism files, needs no administrator; remove it",
    ]);
    const [literal] = problems("kind: emqx, admin: { username: boss, password: hunter2 }");
    expect(literal).toMatch(/^admin\.password: a secret is never written into a manifest/);
    expect(literal).not.toContain("hunter2");
    expect(problems("kind: emqx, admin: { username: boss, password: { random: { length: 9 } } }")).toEqual([
      "admin.password: nobody would know it; take it from fromConfig, fromEnv or fromSecret",
    ]);
  });

  it("is spoken to with TLS, unless that is said beside the address", () => {
    expect(problems(`kind: rabbitmq, ${ADMIN}, management: { url: "http://mq:15672" }`)).toEqual([
      'management.url: would send the administrator\'s password without TLS; use https://, or say so with "tls: false" beside it',
    ]);
    expect(problems(`kind: rabbitmq, ${ADMIN}, management: { url: "http://mq:15672", tls: false }`)).toEqual(
      [],
    );
    expect(problems(`kind: rabbitmq, ${ADMIN}, management: { url: "ftp://mq" }`)).toEqual([
      "management.url: must begin with https://",
    ]);
    expect(problems(`kind: rabbitmq, ${ADMIN}, management: { url: "https://u:p@mq" }`)).toEqual([
      "management.url: must have no user, query or fragment in it",
    ]);
    expect(problems(`kind: mosquitto, mechanism: dynsec, tls: false, ${ADMIN}`)).toEqual([
      "management: the administrator's password would go without TLS, as the broker has none; say so with { tls: false }",
    ]);
  });

  it("has its API on its own host, with TLS, unless an address says so", () => {
    const url = (kind: "dynsec" | "rabbitmq" | "emqx", management?: { url: string }) =>
      managementUrl(kind, { host: "fd00::1", ...(management && { management }) }, "mqtts://[fd00::1]:8883");
    expect(url("dynsec")).toBe("mqtts://[fd00::1]:8883");
    expect(url("rabbitmq")).toBe("https://[fd00::1]:15671");
    expect(url("emqx")).toBe("https://[fd00::1]:18084");
    expect(url("emqx", { url: "https://other:1/" })).toBe("https://other:1");
    expect(liveKind({ kind: "rabbitmq" })).toBe("rabbitmq");
    expect(liveKind({ kind: "rabbitmq", mechanism: "definitions" })).toBeUndefined();
  });
});
