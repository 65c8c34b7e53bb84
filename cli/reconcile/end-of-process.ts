// How signals end the reconciler. Listens for SIGINT and SIGTERM.
import { constants } from "node:os";

/** The first SIGTERM or Ctrl-C asks for an end in order; a second one ends the process, and what it runs, at once. */
export function endOfProcess(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(128 + constants.signals[signal]);
      controller.abort();
    });
  }
  return controller.signal;
}
