// Tells a person what a long step does and for how long it has. Writes to stderr only.
import { stripVTControlCharacters } from "node:util";

/** One step that is under way. */
export interface ProgressStep {
  /** What it is doing right now; shown on a terminal beside the elapsed time. */
  note(detail: string): void;
}

export interface Progress {
  /**
   * Runs a step and shows it while it lasts. Short steps (less than 2 s) stay unseen where stderr is no terminal.
   * @param title what happens, in the form "Building kubectl"
   */
  step<T>(title: string, work: (step: ProgressStep) => Promise<T>): Promise<T>;
  /** One line that stays. */
  say(line: string): void;
}

const FIRST_LINE_AFTER = 2_000;
const LINE_EVERY = 15_000;

/** Shows nothing at all. */
export const quiet: Progress = {
  step: (_title, work) => work({ note() {} }),
  say() {},
};

/** One updating line on a terminal; elsewhere a line at 2 s and then about every 15 s. */
export function stderrProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return {
    step: (title, work) => runStep(stream, title, work),
    say: (line) => void stream.write(`${line}\n`),
  };
}

async function runStep<T>(
  stream: NodeJS.WriteStream,
  title: string,
  work: (step: ProgressStep) => Promise<T>,
): Promise<T> {
  const started = Date.now();
  let detail = "";
  let seen = false;
  const show = () => {
    seen = true;
    const text = `${title} … ${elapsed(started)}${detail ? `  ${detail}` : ""}`;
    if (stream.isTTY) stream.write(`\r\x1b[K${text.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}`);
    else stream.write(`${text}\n`);
  };
  let again: NodeJS.Timeout | undefined;
  const first = setTimeout(
    () => {
      show();
      again = setInterval(show, stream.isTTY ? 500 : LINE_EVERY);
    },
    stream.isTTY ? 300 : FIRST_LINE_AFTER,
  );
  let outcome = "stopped";
  try {
    const step: ProgressStep = {
      note(text) {
        detail = oneLine(text);
      },
    };
    const result = await work(step);
    outcome = "done";
    return result;
  } finally {
    clearTimeout(first);
    clearInterval(again);
    if (seen && stream.isTTY) stream.write("\r\x1b[K");
    if (seen && Date.now() - started >= FIRST_LINE_AFTER) {
      stream.write(`${title}: ${outcome} after ${elapsed(started)}\n`);
    }
  }
}

/** Output of other programs is shown as text: no control characters reach the terminal. */
function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 100);
}

/** "42 s", "3 min 5 s" */
export function elapsed(since: number, now: number = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - since) / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
