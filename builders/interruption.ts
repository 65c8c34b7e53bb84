// Ctrl-C and friends: what is under way is aborted and cleans up; then the process ends as by the signal, unless
// somebody else in it listens too and decides on that.
// Listens to signals of this process while there is something to clean up.

const SIGNALS: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

const active = new Set<AbortController>();
let received: NodeJS.Signals | undefined;
let cancelled = false;

/** Runs `work` with a signal that aborts when the outer one does or when this process is to end. */
export async function interruptible<T>(
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  if (active.size === 0) for (const signal of SIGNALS) process.on(signal, interrupt);
  active.add(controller);
  if (received !== undefined || cancelled) controller.abort();
  try {
    return await work(outer ? AbortSignal.any([outer, controller.signal]) : controller.signal);
  } finally {
    active.delete(controller);
    if (active.size === 0) standDown();
  }
}

/** As a signal does, where whoever asks for the work has said that no more is wanted. The process goes on. */
export function cancelWork(): void {
  cancelled = true;
  for (const controller of active) controller.abort();
}

function interrupt(signal: NodeJS.Signals): void {
  received = signal;
  for (const controller of active) controller.abort();
}

function standDown(): void {
  for (const signal of SIGNALS) process.off(signal, interrupt);
  const signal = received;
  received = undefined;
  if (signal !== undefined && process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}
