// What a program declares, without an engine: Pulumi's own mocks record what is registered.
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, beforeEach, vi } from "vitest";
import { type ApiServer, startApiServer } from "./api-server.ts";

export interface Registered {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
}

/** Of the cluster that the API server of these tests is said to belong to. */
export const UID = "5498d17d-e9f1-49fa-ae5f-47e3bdecb771";

/**
 * For one file of tests: each begins with modules that are loaded anew, and nothing registered.
 *
 * @param parts of the firmware that every class is given
 * @returns what was registered so far
 */
export function recordResources(parts: string[]): readonly Registered[] {
  const registered: Registered[] = [];
  let apiServer: ApiServer;
  beforeAll(async () => {
    apiServer = await startApiServer();
    vi.stubEnv("KUBECONFIG", apiServer.kubeconfig);
  });
  afterAll(() => apiServer.close());
  beforeEach(async () => {
    vi.resetModules();
    registered.length = 0;
    await pulumi.runtime.setMocks(
      {
        newResource: ({ type, name, inputs }) => {
          registered.push({ type, name, inputs });
          return { id: `${name}-id`, state: { ...inputs, ...outputs(type, parts) } };
        },
        call: () => ({}),
      },
      "project",
      "stack",
    );
  });
  return registered;
}

function outputs(type: string, parts: string[]): object {
  if (type === "random:index/randomPassword:RandomPassword") return { result: "K".repeat(43) };
  if (!type.endsWith(":Firmware")) return {};
  const reference = {
    chip: "esp32",
    digest: `sha256:${"0".repeat(64)}`,
    size: 1,
    version: "1",
    files: [{ offset: 0x10000, path: "app.bin", sha256: "0".repeat(64), size: 1 }],
    config: { label: "cfg", offset: 0x9000, size: 0x6000 },
    flashSize: "4MB",
    store: { kind: "cluster", namespace: "gh", parts },
  };
  return { reference };
}

/** Waits until everything that the program registered has arrived. */
export async function settled(): Promise<void> {
  await pulumi.runtime.disconnect();
}
