import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STORE_USERS, storeUserName, storeUserPolicy } from "../../model/artifact-policy.ts";
import { CLASS, device, problemsOf, stack } from "./manifests.ts";

interface Statement {
  Action: string[];
  Resource: string;
  Condition?: object;
}

const statements = (kind: (typeof STORE_USERS)[number], prefix = "greenhouse/") => {
  const text = storeUserPolicy(kind, { bucket: "acme", prefix });
  return (JSON.parse(text) as { Statement: Statement[] }).Statement;
};

describe("a fleet's users in its object store", () => {
  it("have names that IAM takes, one for each namespace and kind", () => {
    const namespace = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    fc.assert(
      fc.property(namespace, namespace, (one, other) => {
        const names = [one, other].flatMap((each) => STORE_USERS.map((kind) => storeUserName(kind, each)));
        for (const name of names) expect(name).toMatch(/^[\w+=,.@-]{1,64}$/);
        expect(new Set(names).size).toBe(one === other ? 2 : 4);
      }),
    );
    expect(storeUserName("store", "gh")).toBe("edgeflock-gh-store");
  });

  it("may do nothing outside of their bucket and prefix, and who flashes may only read", () => {
    expect(statements("flashing")).toEqual([
      { Effect: "Allow", Action: ["s3:GetObject"], Resource: "arn:aws:s3:::acme/greenhouse/*" },
    ]);
    const [objects, list] = statements("store");
    expect(objects).toEqual({
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      Resource: "arn:aws:s3:::acme/greenhouse/*",
    });
    expect(list).toMatchObject({
      Action: ["s3:ListBucket"],
      Resource: "arn:aws:s3:::acme",
      Condition: { StringLike: { "s3:prefix": "greenhouse/*" } },
    });
    expect(statements("store", "")[1]).not.toHaveProperty("Condition");
  });

  it("are instead of credentials that somebody gives", () => {
    const problems = (more: string) =>
      problemsOf(
        stack(
          `apiVersion: edgeflock.io/v1alpha1
kind: DevicesCluster
metadata: { name: greenhouse }
spec:
  namespace: greenhouse
  mqtt:
    broker: { kind: external, host: mqtt.example }
    topicRoot: greenhouse
  artifacts: { kind: s3, bucket: acme, ${more} }
`,
          CLASS,
          device("a"),
        ),
      );
    const key = "{ accessKeyId: { fromConfig: id }, secretAccessKey: { fromConfig: key } }";
    expect(problems(`iam: { url: "https://iam.example", admin: ${key}, generation: 2 }`)).toEqual([]);
    expect(problems("iam: {}")).toEqual([]);
    expect(problems(`iam: {}, credentials: ${key}, flashing: ${key}`)).toEqual([
      expect.stringMatching(/spec\.artifacts\.credentials: is what iam makes; remove it, or iam/),
      expect.stringMatching(/spec\.artifacts\.flashing: is what iam makes; remove it, or iam/),
    ]);
    expect(problems('iam: { url: "https://me:secret@iam.example" }')).toHaveLength(1);
  });
});
