// A value that an output will have: worked on at once where it is there already, else through the output. Of thousands
// of devices each output costs promises, sets and closures; most of what they derive from is known before the first.
// Touches nothing.
import * as pulumi from "@pulumi/pulumi";

/** What we need of the SDK's own implementation of an output. */
interface OutputInternals {
  promise(withUnknowns: boolean): Promise<unknown>;
}

const all = new WeakMap<object, Eventually<unknown>>();

/** The same for the same output. */
export function eventually<T>(output: pulumi.Output<T>): Eventually<T> {
  const before = all.get(output) as Eventually<T> | undefined;
  if (before) return before;
  const made = Eventually.of(output);
  all.set(output, made as Eventually<unknown>);
  return made;
}

export class Eventually<T> {
  #known: { value: T } | undefined;
  readonly #output: () => pulumi.Output<T>;
  #looked: pulumi.Output<void> | undefined;

  private constructor(known: { value: T } | undefined, output: () => pulumi.Output<T>) {
    this.#known = known;
    this.#output = output;
  }

  /** Use {@link eventually}, which asks an output once. */
  static of<T>(output: pulumi.Output<T>): Eventually<T> {
    const made = new Eventually<T>(undefined, () => output);
    made.#looked = output.apply((value) => {
      made.#known = { value };
    });
    return made;
  }

  static known<T>(value: T): Eventually<T> {
    return new Eventually<T>({ value }, () => pulumi.output(value) as unknown as pulumi.Output<T>);
  }

  /** Of several; known when all are. */
  static all<R extends Record<string, unknown>>(parts: { [K in keyof R]: Eventually<R[K]> }): Eventually<R> {
    const entries = Object.entries(parts) as [string, Eventually<unknown>][];
    const known = entries.every(([, part]) => part.#known !== undefined)
      ? { value: Object.fromEntries(entries.map(([key, part]) => [key, part.#known!.value])) as R }
      : undefined;
    return new Eventually<R>(
      known,
      () =>
        pulumi.output(
          Object.fromEntries(entries.map(([key, part]) => [key, part.output])),
        ) as unknown as pulumi.Output<R>,
    );
  }

  /** Of a list; known when all are. */
  static list<T>(parts: readonly Eventually<T>[]): Eventually<T[]> {
    const known = parts.every((part) => part.#known !== undefined)
      ? { value: parts.map((part) => part.#known!.value) }
      : undefined;
    return new Eventually<T[]>(
      known,
      () => pulumi.output(parts.map((part) => part.output)) as unknown as pulumi.Output<T[]>,
    );
  }

  map<U>(work: (value: T) => U): Eventually<U> {
    if (this.#known) {
      const value = work(this.#known.value);
      return new Eventually<U>({ value }, () => pulumi.output(value) as unknown as pulumi.Output<U>);
    }
    const output = this.#output().apply(work) as unknown as pulumi.Output<U>;
    return new Eventually<U>(undefined, () => output);
  }

  /** An output that is shown, of work that takes a while. The SDK doesn't make outputs of all that is in the value. */
  apply<U>(work: (value: T) => Promise<U>): pulumi.Output<U> {
    const known = this.#known;
    const output = known
      ? pulumi.output(undefined).apply(() => work(known.value))
      : pulumi.unsecret(this.#output()).apply((value) => work(value as T));
    return output as unknown as pulumi.Output<U>;
  }

  get output(): pulumi.Output<T> {
    return this.#output();
  }

  /** As an input that is shown, though what it derives from is secret. */
  plain(): pulumi.Input<T> {
    return this.#known ? this.#known.value : pulumi.unsecret(this.#output());
  }

  /** As an input that is kept secret. */
  secret(): pulumi.Output<T> {
    return pulumi.secret(
      this.#known ? (this.#known.value as pulumi.Input<T>) : this.#output(),
    ) as pulumi.Output<T>;
  }

  /** Resolves when it is known, or known to stay unknown, as in a preview; what fails is the engine's to report. */
  async settled(): Promise<void> {
    if (this.#known) return;
    const looked = this.#looked ?? this.#output();
    await (looked as unknown as OutputInternals).promise(true).catch(() => {});
  }
}
