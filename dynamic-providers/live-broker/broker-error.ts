// What a broker's API answered that is not what was asked for. Touches nothing.

export class BrokerError extends Error {
  /** The administrator isn't known there, or may not do this. */
  readonly refused: boolean;
  /** HTTP status, where there was one. */
  readonly status: number | undefined;

  constructor(message: string, options: { refused?: boolean; status?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "BrokerError";
    this.refused = options.refused ?? false;
    this.status = options.status;
  }
}
