// An explanation of a device as a table for people. Pure; touches nothing.
import type { ExplainedSetting, ExplainedValue, Explanation } from "./explain.ts";
import { placeText, quote } from "./problem.ts";
import type { SecretSource } from "./schema.ts";

/** How to make headings and asides stand out; nothing where the output is no terminal. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
}

export function explanationText(explanation: Explanation, style: Style): string {
  const { mqtt } = explanation;
  const groups = explanation.groups.map((group) => `${group.name} (priority ${group.priority})`).join(", ");
  const lines = [
    `${style.bold(`Device ${explanation.device}`)}  ${style.dim(`${placeText(explanation)}`)}`,
    `  cluster  ${explanation.cluster}, namespace ${explanation.namespace}`,
    `  class    ${explanation.class}`,
    `  groups   ${groups || "none"}`,
    `  MQTT     ${mqtt.topic} at ${mqtt.host}:${mqtt.port}${mqtt.tls ? " with TLS" : ", without TLS"}`,
    "",
    ...table(["SETTING", "VALUE", "NVS", "TYPE", "FROM", "INSTEAD OF"], explanation.settings.map(row), style),
  ];
  if (explanation.settings.length === 0) lines.push("  It has no settings of its own.");
  if (explanation.notSet.length > 0)
    lines.push("", `Mapped, but set by no layer: ${explanation.notSet.join(", ")}`);
  return lines.join("\n");
}

function row(setting: ExplainedSetting): string[] {
  const place = setting.nvs === null ? "not in the image" : `${setting.nvs.namespace}/${setting.nvs.key}`;
  const secretKey = setting.secretKey === undefined ? "" : `, Secret key ${setting.secretKey}`;
  const overrides = setting.overrides.map((source) => `${valueText(source)} of ${source.from.text}`);
  return [
    setting.key,
    valueText(setting),
    place + secretKey,
    setting.nvs?.type ?? "",
    setting.from.text,
    overrides.join("; "),
  ];
}

function valueText(source: ExplainedValue): string {
  if (source.source !== undefined) return `(secret ${sourceText(source.source)})`;
  const { value } = source;
  if (typeof value !== "string") return String(value);
  // what is no plain text, or could be taken for a number, is shown in quotes
  return /^[\p{L}\p{N}\p{P}\p{S} ]{1,60}$/u.test(value) && !/^[\d.+-]|^(true|false)$|^ | $/.test(value)
    ? value
    : quote(value);
}

function sourceText(source: SecretSource): string {
  if ("fromConfig" in source) return `from config ${source.fromConfig}`;
  if ("fromEnv" in source) return `from environment ${source.fromEnv}`;
  if ("fromSecret" in source) return `from Secret ${source.fromSecret.name}, key ${source.fromSecret.key}`;
  return `generated, ${source.random.length} characters`;
}

function table(head: string[], rows: string[][], style: Style): string[] {
  if (rows.length === 0) return [];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((cells) => cells[column]!.length)),
  );
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return [style.dim(line(head)), ...rows.map(line)];
}
