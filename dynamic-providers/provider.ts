// What the engine asks of a dynamic provider, with the types that our providers narrow. Touches nothing.

import { sweepWorkFolders } from "../builders/work-folder.ts";
import { endWithEngine } from "../toolchain/end-with-engine.ts";
import { endWorkOnCancel } from "./cancellation.ts";
import { OutcomeUnknown } from "./outcome-unknown.ts";
import { type ConfigureRequest, configure } from "./stack-connection.ts";

/** Properties as they arrive: secrets in plain text, an unknown as `UNKNOWN`. */
export type Props = Record<string, unknown>;

export interface DynamicProvider<Inputs, Outputs> {
  configure?(request: ConfigureRequest): Promise<void>;
  diff(
    id: string,
    olds: Outputs,
    news: Inputs,
  ): Promise<{ changes: boolean; replaces?: string[]; deleteBeforeReplace?: boolean }>;
  create(inputs: Inputs): Promise<{ id: string; outs: Outputs }>;
  update(id: string, olds: Outputs, news: Inputs): Promise<{ outs: Outputs }>;
  /** Resolves to `{}` where the thing is gone. */
  read(id: string, props: Outputs): Promise<{ id?: string; props?: Outputs }>;
  delete(id: string, props: Outputs): Promise<void>;
}

/**
 * Makes what goes wrong readable: the engine shows an error's message only, and the provider's
 * process prints a stack beside it for everything that is not ours.
 */
export function forPeople<Inputs, Outputs>(
  provider: DynamicProvider<Inputs, Outputs>,
): DynamicProvider<Inputs, Outputs> {
  const explain =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await call(...args);
      } catch (error) {
        throw withHint(error);
      }
    };
  return {
    async configure(request) {
      await configure(request);
      endWithEngine();
      endWorkOnCancel();
      // What a killed build left, secrets among it; nobody waits for it, and the next start tries again.
      void sweepWorkFolders().catch(() => {});
    },
    diff: explain(provider.diff),
    create: explain((inputs: Inputs) =>
      provider.create(inputs).catch((error) => withProviderText(error, inputs)),
    ),
    update: explain(provider.update),
    read: explain(provider.read),
    delete: explain(provider.delete),
  };
}

/** What the state keeps of a create is deleted by the text that is kept with it. */
function withProviderText(error: unknown, inputs: unknown): never {
  if (!(error instanceof OutcomeUnknown)) throw error;
  const { __provider } = inputs as { __provider?: unknown };
  throw new OutcomeUnknown(error.cause, error.id, { ...error.properties, __provider });
}

function withHint(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof OutcomeUnknown) {
    error.stack = error.message;
    return error;
  }
  const hint = "hint" in error && typeof error.hint === "string" ? ` ${error.hint}` : "";
  const plain = new Error(`${error.message}${hint}`, { cause: error });
  plain.stack = plain.message;
  return plain;
}
