// The devices of a stack as its state has them. Reads the state's file, or asks pulumi where it lies elsewhere.
import { execa } from "execa";
import { readState } from "../toolchain/state-file.ts";
import { type DeployedDevices, devicesInState } from "./changed-devices.ts";

/** None for a stack that has no state yet. */
export async function deployedDevices(stack: { name: string; project: string }): Promise<DeployedDevices> {
  const url = process.env.PULUMI_BACKEND_URL;
  if (url?.startsWith("file://")) {
    const text = readState(url, stack.project, stack.name);
    return devicesInState(text === undefined ? undefined : JSON.parse(text));
  }
  // This process runs in the pack's folder, so the stack is named in full; Pulumi Cloud's own organization is only known
  // in the project's folder. Secrets stay encrypted in what is exported.
  const isCloud = url === undefined || /^https?:/.test(url);
  const name = isCloud ? stack.name : `organization/${stack.project}/${stack.name}`;
  const { stdout } = await execa("pulumi", ["stack", "export", "--stack", name], {
    stdin: "ignore",
    ...(isCloud && process.env.PWD !== undefined && { cwd: process.env.PWD }),
  });
  return devicesInState(JSON.parse(stdout));
}
