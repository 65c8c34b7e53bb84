// Lets Ctrl-C end a command cleanly: the first one asks the work to stop, a second one ends the process at once.
import { VisibleError } from "../model/visible-error.ts";

/** Runs work with a signal that Ctrl-C (and SIGTERM) raise; exit codes are those of a shell (130, 143). */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let exitCode = 130;
  const stop = (signal: NodeJS.Signals) => {
    exitCode = signal === "SIGTERM" ? 143 : 130;
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    throw new VisibleError("Stopped.", { exitCode, cause: error });
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}
