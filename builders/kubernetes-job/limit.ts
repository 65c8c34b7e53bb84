// How many Jobs one update runs at a time. Pure.
import { VisibleError } from "../../model/visible-error.ts";

const DEFAULT_LIMIT = 4;

/**
 * @param text `edgeflock:jobLimit` of the stack's configuration
 * @throws VisibleError
 */
export function jobLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new VisibleError(
    `edgeflock:jobLimit is ${JSON.stringify(text)}, not a number of Jobs from 1 to 9999`,
  );
}
