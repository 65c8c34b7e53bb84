// What an unquoted YAML word means: YAML 1.2's core schema, without the words that other YAML readers take for
// something else. Kubernetes' own tools read YAML 1.1, so a manifest must mean the same in both. Pure; touches nothing.

export type ScalarReading = { value: string | number | boolean | null } | { problem: string };

const FIRST_OF_OTHERS = /^[-+.0-9~tTfFnNyYoO]/;
const INTEGER = /^[-+]?[0-9]+$/;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const OTHER_BASE = /^0(o[0-7]+|x[0-9a-fA-F]+)$/;
const YES_OR_NO = /^(yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$/;
const NOT_FINITE = /^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/;

/**
 * Reads an unquoted scalar.
 * @param fractionsAsText keep a number with a point or an exponent as it is written (NVS has no floating point,
 *   and 1.10 is not 1.1 where it is a version)
 */
export function readPlainScalar(text: string, fractionsAsText: boolean): ScalarReading {
  if (text === "") return { value: null };
  if (!FIRST_OF_OTHERS.test(text)) return { value: text };
  if (/^(~|null|Null|NULL)$/.test(text)) return { value: null };
  if (/^(true|True|TRUE)$/.test(text)) return { value: true };
  if (/^(false|False|FALSE)$/.test(text)) return { value: false };
  if (YES_OR_NO.test(text)) {
    return {
      problem: `${text} is true/false to some YAML readers and text to others; write true, false or "${text}"`,
    };
  }
  if (INTEGER.test(text)) return readInteger(text);
  if (OTHER_BASE.test(text)) return exact(Number(text), text);
  if (NOT_FINITE.test(text))
    return { problem: `${text} is no number that can be stored; quote it if it is text` };
  if (FLOAT.test(text)) return readFraction(text, fractionsAsText);
  return { value: text };
}

function readInteger(text: string): ScalarReading {
  if (/^[-+]?0[0-9]/.test(text)) {
    return { problem: `${shown(text)} would lose its leading zeros; quote it if it is text, else drop them` };
  }
  if (text.startsWith("+")) {
    return { problem: `${shown(text)} would lose its "+"; quote it if it is text, else drop it` };
  }
  return exact(Number(text), text);
}

function exact(value: number, text: string): ScalarReading {
  if (Number.isSafeInteger(value)) return { value: value === 0 ? 0 : value };
  return {
    problem:
      `${shown(text)} is too large to be exact; write it in quotes, and give a setting of that size the type ` +
      "u64 or i64 in a mapping",
  };
}

function readFraction(text: string, asText: boolean): ScalarReading {
  if (asText) return { value: text };
  const value = Number(text);
  return Number.isFinite(value) ? { value } : { problem: `${shown(text)} is too large for a number` };
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
