// Bounds how many resources are being registered at once: all at once would be in memory together, each with its
// promises, requests and stack traces. Touches nothing.
import type * as pulumi from "@pulumi/pulumi";

/** Enough for every step that the engine does in parallel by its own count, and for the next ones to be waiting. */
const MOST = 100;

/** As many as the engine was told to do in parallel, where that is more; the SDK puts it there. */
export function mostUnderWay(environment: NodeJS.ProcessEnv = process.env): number {
  return Math.max(MOST, Number(environment.PULUMI_NODEJS_PARALLEL) || 0);
}

export class RegistrationWindow {
  readonly #most: number;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most = mostUnderWay()) {
    this.#most = most;
  }

  /** Resolves when there is room for one more. */
  async room(): Promise<void> {
    if (this.#underWay < this.#most) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Counts the resource until the engine has answered, be it with an error, which the engine reports itself. */
  add(resource: pulumi.Resource): void {
    this.#underWay++;
    const done = () => {
      this.#underWay--;
      this.#waiting.shift()?.();
    };
    // `apply` would not be called where the registration failed.
    (resource.urn as unknown as { promise(): Promise<unknown> }).promise().then(done, done);
  }
}
