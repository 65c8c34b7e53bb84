/**
 * An error that the user can mend. It is printed as its message and hint, without a stack trace,
 * and ends the command with `exitCode`. Everything else that is thrown is a defect of ours.
 */
export class VisibleError extends Error {
  /** What to do about it, one sentence. */
  readonly hint: string | undefined;
  readonly exitCode: number;
  /** In one line, where the message has many: what failed, and the last that it said. */
  readonly short: string | undefined;

  constructor(
    message: string,
    options: { hint?: string; exitCode?: number; short?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "VisibleError";
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
    this.short = options.short;
  }
}
