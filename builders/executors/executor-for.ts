// Which executor runs a builder. Touches nothing.
import type { ContainerRequest, Executor } from "../contract.ts";
import { ContainerExecutor } from "./container.ts";
import { ProcessExecutor } from "./process.ts";

/** @param container what it runs in; absent, it is a process of this machine */
export function executorFor(container: ContainerRequest | undefined): Executor {
  return container ? new ContainerExecutor() : new ProcessExecutor();
}
