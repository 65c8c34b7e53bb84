import { describe, expect, it } from "vitest";
import { conventionWarnings } from "../../model/broker-conventions.ts";

describe("what does not go with a fleet's broker", () => {
  const recorder = [{ name: "recorder" }];
  const home = [{ name: "home" }];

  it("is retained messages for who listens with wildcards at a RabbitMQ, and names them", () => {
    const [warning, ...more] = conventionWarnings({
      broker: { kind: "rabbitmq" },
      readers: recorder,
      applications: home,
    });
    expect(warning).toMatch(/no retained message.*: recorder, home will not learn/);
    expect(more).toEqual([]);
  });

  it("is nothing where nobody listens, or at another broker", () => {
    expect(conventionWarnings({ broker: { kind: "rabbitmq" }, readers: [], applications: [] })).toEqual([]);
    for (const kind of ["mosquitto", "emqx", "external"] as const) {
      expect(conventionWarnings({ broker: { kind }, readers: recorder, applications: home })).toEqual([]);
    }
  });
});
