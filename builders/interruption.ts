// Ctrl-C and friends: lets what is under way clean up, then ends the process as the signal would have.
// Listens to signals of this process.

const SIGNALS: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Runs `work` with a signal that aborts when the outer one does or when this process is to end. */
export async function interruptible<T>(
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    received = signal;
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    return await work(outer ? AbortSignal.any([outer, controller.signal]) : controller.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    // somebody else who listens decides on the process's end; otherwise the signal does, as if we had not listened
    if (received !== undefined && process.listenerCount(received) === 0) process.kill(process.pid, received);
  }
}
