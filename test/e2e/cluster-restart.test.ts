import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { start, stop } from "../../toolchain/embedded-kubernetes/cluster.ts";
import { twoHalls } from "./manifests.ts";
import { type OwnCluster, ownCluster } from "./own-cluster.ts";
import { TestProject } from "./test-project.ts";

describe("a cluster that comes back on another port", () => {
  let kubernetes: OwnCluster;
  let project: TestProject;
  let squatter: Server;

  beforeAll(async () => {
    kubernetes = await ownCluster("r-");
    project = await TestProject.create(undefined, kubernetes.kubeconfig);
    project.variables.NORTH_WIFI_PASSWORD = "north-password-1";
    await project.manifests(twoHalls(project.id));
    await project.up();
  });

  afterAll(async () => {
    await project?.[Symbol.asyncDispose]();
    squatter?.close();
    await kubernetes?.[Symbol.asyncDispose]();
  });

  it("is the same cluster: nothing changes, and nothing is replaced", async () => {
    const before = await stop(kubernetes.folder);
    const port = Number(new URL(before.server!).port);
    squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(port, "127.0.0.1", resolve));
    const after = await start(kubernetes.folder);
    expect(new URL(after.server!).port).not.toBe(String(port));
    expect(await readFile(after.kubeconfig, "utf8")).toContain(after.server);
    expect(await project.preview()).toEqual([]);
    expect(await project.up()).toEqual({});
    await project.mustPulumi(
      "refresh",
      "--yes",
      "--skip-preview",
      "--expect-no-changes",
      "--suppress-outputs",
    );
  });
});
