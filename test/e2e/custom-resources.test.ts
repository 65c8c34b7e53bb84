import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KubernetesError } from "../../kubernetes/api.ts";
import { KIND_FACTS } from "../../model/custom-resources/definitions.ts";
import { API_VERSION, KINDS, type Kind } from "../../model/names.ts";
import { MANIFEST_SCHEMAS } from "../../model/schema.ts";
import { type Document, documents } from "./manifest-documents.ts";
import { cluster, device, deviceClass, group } from "./manifests.ts";
import { type OwnCluster, ownCluster } from "./own-cluster.ts";
import { TestProject } from "./test-project.ts";

// The four kinds in a real API server: installed by Pulumi, checked there as manifests are checked here.
const PROGRAM = `
import { CustomResources } from "edgeflock";
export const names = new CustomResources("edgeflock").names;
`;
/** Kubernetes has DeviceClasses of its own, for graphics cards and the like: ours go by their whole name. */
const CLASSES = "deviceclasses.edgeflock.io";
/** For each kind; together at least a thousand documents are taken, and a thousand refused. */
const RUNS = 700;
/** Always the same documents, so that a run that fails can be repeated; others with EDGEFLOCK_SEED. */
const SEED = Number(process.env.EDGEFLOCK_SEED ?? 20_261_125);

describe("the four kinds in Kubernetes", () => {
  let kubernetes: OwnCluster;
  let project: TestProject;
  let namespace: string;

  beforeAll(async () => {
    kubernetes = await ownCluster("kinds-");
    project = await TestProject.create(PROGRAM, kubernetes.kubeconfig);
    namespace = project.id;
    await project.up();
    await project.api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } } as never, {
      fieldManager: "test",
    });
    await policiesWork();
  });
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    await kubernetes?.[Symbol.asyncDispose]();
  });

  function path(kind: Kind, name = ""): string {
    const { scope, plural } = KIND_FACTS[kind];
    const place = scope === "Namespaced" ? `namespaces/${namespace}/` : "";
    return `/apis/${API_VERSION}/${place}${plural}${name && `/${name}`}`;
  }

  /** What the API server says against a document; undefined where it takes it. Nothing is kept. */
  async function refusal(document: Document, query = "dryRun=All"): Promise<string | undefined> {
    try {
      const url = `${path(document.kind)}?${query}&fieldValidation=Strict`;
      await project.api.request("POST", url, { body: document as never });
      return undefined;
    } catch (error) {
      if (error instanceof KubernetesError && [400, 403, 422].includes(error.status)) return error.message;
      throw error;
    }
  }

  async function create(document: object): Promise<void> {
    expect(await refusal(document as Document, "fieldManager=test")).toBeUndefined();
  }

  async function patch(kind: Kind, name: string, change: object): Promise<string> {
    const ran = await project.kubectl(
      ...[
        "-n",
        namespace,
        "patch",
        `${KIND_FACTS[kind].plural}.edgeflock.io`,
        name,
        "--type=merge",
        "-p",
        JSON.stringify(change),
      ],
    );
    return ran.exitCode === 0 ? "" : ran.stderr;
  }

  /** A policy takes effect some moments after it was made. */
  async function policiesWork(): Promise<void> {
    const bad = { ...device("x", "north", { data: { "a b": 1 } }) } as Document;
    const until = Date.now() + 60_000;
    while ((await refusal(bad).catch(() => undefined)) === undefined) {
      if (Date.now() > until) throw new Error("the admission policies have no effect after a minute");
    }
  }

  it("are refused by zod and by the API server alike, and taken alike: a thousand documents each way", async () => {
    const count = { taken: 0, refused: 0 };
    for (const kind of KINDS) {
      await fc.assert(
        fc.asyncProperty(documents(kind), async (document) => {
          const { success, error } = MANIFEST_SCHEMAS[kind].safeParse(document);
          const said = await refusal(document);
          if (success !== (said === undefined)) {
            throw new Error(
              `zod: ${success || JSON.stringify(error!.issues)}\nKubernetes: ${said ?? "taken"}`,
            );
          }
          count[success ? "taken" : "refused"]++;
        }),
        { numRuns: RUNS, seed: SEED },
      );
    }
    expect(count.taken).toBeGreaterThanOrEqual(1000);
    expect(count.refused).toBeGreaterThanOrEqual(1000);
  });

  it("are explained by kubectl, every field in words of its own or of what it refers to", async () => {
    const { stdout } = await project.kubectl("explain", "device.spec");
    expect(stdout).toContain("One board: its class, its own data and secrets, its MQTT identity.");
    expect(stdout).not.toContain("<no description>");
    const generation = await project.kubectl("explain", "device.spec.credentials.generation");
    expect(generation.stdout).toMatch(
      /Raise it by one to give the device new MQTT credentials\.\s+Default 1\./,
    );
  });

  it("are listed with their columns, and found by their fields", async () => {
    await create(deviceClass("node"));
    await create(deviceClass("other"));
    await create(group("north", "north", { priority: 7 }));
    await create(device("a", "north"));
    const shown = await project.kubectl("-n", namespace, "get", "device", "a");
    expect(shown.stdout.replace(/ +/g, " ")).toMatch(/NAME CLASS READY AGE\na node /);
    const found = await project.kubectl(
      ...[
        "-n",
        namespace,
        "get",
        "devices",
        "--field-selector",
        "spec.deviceClassReference.name=node",
        "-o",
        "name",
      ],
    );
    expect(found.stdout.trim()).toBe("device.edgeflock.io/a");
    const none = await project.kubectl(
      ...[
        "-n",
        namespace,
        "get",
        "devices",
        "--field-selector",
        "spec.deviceClassReference.name=other",
        "-o",
        "name",
      ],
    );
    expect(none.stdout.trim()).toBe("");
  });

  it("have a status of its own, whose writer cannot touch what is wanted, nor the other way round", async () => {
    const status = { observedGeneration: 1, conditions: [] };
    const body = { ...device("a", "north", { data: { x: 1 } }), status };
    await project.api.request("PATCH", `${path("Device", "a")}/status?fieldManager=reconciler`, {
      body: body as never,
      contentType: "application/merge-patch+json",
    } as never);
    const live = await project.api.request<{ spec: { data?: object }; status: object }>(
      "GET",
      path("Device", "a"),
    );
    expect(live.status).toEqual(status);
    expect(live.spec.data).toBeUndefined();
  });

  it("keep a device's class and oldest name, unless an annotation names the new one", async () => {
    const toOther = { spec: { deviceClassReference: { name: "other" } } };
    expect(await patch("Device", "a", toOther)).toContain("edgeflock.io/change-class: other");
    const annotated = { metadata: { annotations: { "edgeflock.io/change-class": "other" } }, ...toOther };
    expect(await patch("Device", "a", annotated)).toBe("");
    const back = { spec: { deviceClassReference: { name: "node" } } };
    expect(await patch("Device", "a", back)).toContain("edgeflock.io/change-class: node");
    const formerly = { spec: { formerly: ["z"] } };
    expect(await patch("Device", "a", formerly)).toContain("edgeflock.io/change-identity: z");
    const meant = { metadata: { annotations: { "edgeflock.io/change-identity": "z" } }, ...formerly };
    expect(await patch("Device", "a", meant)).toBe("");
    expect(await patch("Device", "a", { spec: { formerly: ["z", "y"] } })).toBe("");
    expect(await patch("Device", "a", { spec: { formerly: ["y", "z"] } })).toContain("locked out");
  });

  it("do not let a class go that a device has, and name the device", async () => {
    const refused = await project.kubectl("-n", namespace, "delete", CLASSES, "other");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain("DeviceClass other is the class of Device a");
    expect((await project.kubectl("-n", namespace, "delete", CLASSES, "node")).exitCode).toBe(0);
    await project.kubectl("-n", namespace, "delete", "device", "a");
    const until = Date.now() + 30_000;
    let gone = await project.kubectl("-n", namespace, "delete", CLASSES, "other");
    while (gone.exitCode !== 0 && Date.now() < until) {
      gone = await project.kubectl("-n", namespace, "delete", CLASSES, "other");
    }
    expect(gone.exitCode).toBe(0);
  });

  it("keep a cluster's namespace, unless an annotation names the new one", async () => {
    const name = `cluster-${namespace}`;
    await create({ ...cluster(namespace), metadata: { name } });
    expect(await patch("DevicesCluster", name, { spec: { namespace: "elsewhere" } })).toContain(
      "edgeflock.io/change-namespace: elsewhere",
    );
    expect((await project.kubectl("delete", "devicescluster", name)).exitCode).toBe(0);
  });

  it("go with a namespace that is deleted whole, devices or not", async () => {
    await create(deviceClass("node"));
    await create(device("b", "north"));
    const { exitCode, stderr } = await project.kubectl("delete", "namespace", namespace, "--timeout=120s");
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
  });

  it("change nothing a second time, and stay when their stack is destroyed", async () => {
    expect(await project.up()).toEqual({});
    await project.mustPulumi("destroy", "--yes", "--skip-preview");
    const { stdout } = await project.kubectl("get", "crds", "-o", "name");
    for (const kind of KINDS) expect(stdout).toContain(`${KIND_FACTS[kind].plural}.edgeflock.io`);
    const policies = await project.kubectl("get", "validatingadmissionpolicies", "-o", "name");
    expect(policies.stdout).toContain("/edgeflock-class-in-use");
  });
});
