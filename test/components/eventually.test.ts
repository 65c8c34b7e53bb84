import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { Eventually, eventually } from "../../components/eventually.ts";
import { ownerInside } from "../../components/ownership.ts";
import { ownerToken } from "../../model/owner-token.ts";

const of = <T>(input: pulumi.Input<T>) => pulumi.output(input) as pulumi.Output<T>;

describe("a value that an output will have", () => {
  it("is worked on at once when it is there", async () => {
    const value = eventually(of("a"));
    await value.settled();
    expect(value.map((text) => `${text}b`).plain()).toBe("ab");
  });

  it("is worked on through the output while it is not", async () => {
    let give: (text: string) => void = () => {};
    const value = eventually(of(new Promise<string>((resolve) => (give = resolve))));
    const plain = value.map((text) => `${text}b`).plain();
    expect(pulumi.Output.isInstance(plain)).toBe(true);
    give("a");
    expect(await new Promise((resolve) => of(plain).apply(resolve))).toBe("ab");
  });

  it("is known together with others when all are", async () => {
    const parts = { one: eventually(of(1)), two: eventually(of(2)) };
    await Promise.all(Object.values(parts).map((part) => part.settled()));
    expect(
      Eventually.all(parts)
        .map(({ one, two }) => one + two)
        .plain(),
    ).toBe(3);
  });

  it("stays secret as an input that is kept secret", async () => {
    const value = eventually(pulumi.secret("s"));
    await value.settled();
    expect(await pulumi.isSecret(value.map((text) => text).secret())).toBe(true);
    const shown = value.map((text) => text.length).plain();
    expect(shown).toBe(1);
  });

  it("is asked of one output once", () => {
    const output = of("a");
    expect(eventually(output)).toBe(eventually(output));
  });
});

describe("the token of a component inside another", () => {
  it("is the one that its URN gives", async () => {
    const parent = "urn:pulumi:prod::fleet::edgeflock:index:DevicesCluster::gh";
    const known = eventually(of(parent));
    await known.settled();
    const urn = "urn:pulumi:prod::fleet::edgeflock:index:DevicesCluster$edgeflock:index:Device::gh/cam-001";
    expect(ownerInside(known, "edgeflock:index:Device", "gh/cam-001").plain()).toBe(ownerToken(urn));
    expect(ownerToken(urn)).toBe("fleet/prod/gh/cam-001");
  });
});
