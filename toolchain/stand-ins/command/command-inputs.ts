// The inputs of a local.Command: their types, and what of them is secret. Pure.
import {
  isObject,
  isSecret,
  isUnknown,
  type Properties,
  type Value,
  withoutSecrets,
} from "../property-values.ts";

export interface CommandInputs {
  create?: string;
  update?: string;
  delete?: string;
  stdin?: string;
  /** @default as if it were "stdoutAndStderr" */
  logging?: "stdout" | "stderr" | "stdoutAndStderr" | "none";
  /** @default ["/bin/sh", "-c"], on Windows ["cmd", "/C"] */
  interpreter?: string[];
  /** @default the program's folder */
  dir?: string;
  environment?: Record<string, string>;
  /** @default true */
  addPreviousOutputInEnv?: boolean;
  triggers?: Value[];
}

const LOGGING = ["stdout", "stderr", "stdoutAndStderr", "none"];

const TYPES: Record<string, { is: (value: Value) => boolean; text: string }> = {
  text: { is: (value) => typeof value === "string", text: "a string" },
  flag: { is: (value) => typeof value === "boolean", text: "a boolean" },
  list: { is: Array.isArray, text: "a list" },
  texts: { is: (value) => Array.isArray(value) && value.every(isText), text: "a list of strings" },
  map: { is: (value) => isObject(value) && Object.values(value).every(isText), text: "a map of strings" },
  logging: { is: (value) => LOGGING.includes(value as string), text: `one of ${LOGGING.join(", ")}` },
};

function isText(value: Value): boolean {
  return typeof value === "string";
}

const INPUTS: Record<string, keyof typeof TYPES> = {
  create: "text",
  update: "text",
  delete: "text",
  stdin: "text",
  dir: "text",
  logging: "logging",
  interpreter: "texts",
  environment: "map",
  addPreviousOutputInEnv: "flag",
  triggers: "list",
};

/** What is wrong with the inputs, by property. */
export function inputProblems(inputs: Properties): { property: string; reason: string }[] {
  const plain = withoutSecrets(inputs) as Properties;
  return Object.entries(plain).flatMap(([property, value]) => {
    if (property === "assetPaths" || property === "archivePaths") {
      return [
        {
          property,
          reason: "is not done by the stand-in pulumi-resource-command, only by the official plugin",
        },
      ];
    }
    const type = INPUTS[property];
    if (type === undefined) return [{ property, reason: "is not a property of a command" }];
    if (isUnknown(value) || TYPES[type]!.is(value)) return [];
    return [{ property, reason: `must be ${TYPES[type]!.text}` }];
  });
}

/** All strings that are secret somewhere in the inputs. */
export function secretTexts(inputs: Properties): string[] {
  const found: string[] = [];
  const collect = (value: Value, inSecret: boolean): void => {
    if (isSecret(value)) collect(value.value, true);
    else if (Array.isArray(value)) for (const entry of value) collect(entry, inSecret);
    else if (isObject(value)) for (const entry of Object.values(value)) collect(entry, inSecret);
    else if (inSecret && typeof value === "string" && value.length > 2) found.push(value);
  };
  collect(inputs, false);
  return found.sort((a, b) => b.length - a.length);
}

/** The text with every secret in it replaced. */
export function masked(text: string, secrets: string[]): string {
  return secrets.reduce((result, value) => result.replaceAll(value, "[secret]"), text);
}
