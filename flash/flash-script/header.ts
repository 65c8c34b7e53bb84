// The head of a flash script: the class's facts as shell variables, each checked and quoted. Pure; touches nothing.
import { chipNamed } from "../../builders/chips.ts";
import { storeUrl } from "../../builders/stores/store-url.ts";
import { dnsLabelProblem, flashConfigMapName, nameProblem } from "../../model/names.ts";
import { VisibleError } from "../../model/visible-error.ts";
import type { FlashScriptInput } from "./input.ts";

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const SHA256 = /^[0-9a-f]{64}$/;
/** Relative, no empty, "." or ".." parts, nothing that a shell, tar or esptool reads as more than a name. */
const SAFE_PATH =
  /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9_.][A-Za-z0-9_.+-]*(?:\/[A-Za-z0-9_.][A-Za-z0-9_.+-]*)*$/;
const LABEL = /^[\x21-\x7e]{1,15}$/;
/** No blanks, no quotes, nothing that curl would expand. */
const URL_OF_STORE = /^https?:\/\/[A-Za-z0-9._:/@%+=~-]+$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Where ESP-IDF puts the partition table unless told otherwise (CONFIG_PARTITION_TABLE_OFFSET). */
const USUAL_TABLE_OFFSET = 0x8000;

/** Quotes any text without control characters as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What is wrong with the input, one sentence each; empty when a script can be made of it. */
export function flashScriptProblems(input: FlashScriptInput): string[] {
  const { artifact } = input;
  const problems: string[] = [];
  const check = (fine: boolean, problem: string) => {
    if (!fine) problems.push(problem);
  };
  const named = (what: string, problem: string | undefined) => {
    if (problem !== undefined) problems.push(`${what} ${problem}`);
  };
  named("className", nameProblem("DeviceClass", input.className));
  named("clusterName", nameProblem("DevicesCluster", input.clusterName));
  named("namespace", dnsLabelProblem(input.namespace));
  check(chipNamed(input.chip) !== undefined, `chip "${input.chip}" is not one we know`);
  check(
    artifact.chip === input.chip,
    `the artefact is for chip "${artifact.chip}", the class for "${input.chip}"`,
  );
  check(input.clusterUid === undefined || UUID.test(input.clusterUid), "clusterUid must be a UID");
  check(DIGEST.test(artifact.digest), "artifact.digest must be sha256: and 64 hexadecimal digits");
  check(isPrintable(artifact.version, 64), "artifact.version must be 1 to 64 printable characters");
  check(flashBytes(artifact.flashSize) > 0, `flashSize "${artifact.flashSize}" is no size like 4MB`);
  problems.push(...fileProblems(input), ...configProblems(input), ...storeProblems(input));
  return problems;
}

function fileProblems({ artifact }: FlashScriptInput): string[] {
  const problems: string[] = [];
  if (artifact.files.length === 0) problems.push("artifact.files must not be empty");
  let end = 0;
  for (const file of [...artifact.files].sort((a, b) => a.offset - b.offset)) {
    if (!SAFE_PATH.test(file.path))
      problems.push(`${JSON.stringify(file.path)} is not a path that a flash script can hold`);
    if (!SHA256.test(file.sha256)) problems.push(`${file.path}: sha256 must be 64 hexadecimal digits`);
    if (!isCount(file.offset) || !isCount(file.size))
      problems.push(`${file.path}: offset and size must be whole numbers`);
    if (file.offset % 4096 !== 0)
      problems.push(`${file.path}: offset must be a multiple of a flash sector, 4096 bytes`);
    if (file.offset < end) problems.push(`${file.path} begins inside the file before it`);
    end = file.offset + file.size;
  }
  return problems;
}

function configProblems({ artifact: { config } }: FlashScriptInput): string[] {
  const problems: string[] = [];
  if (!LABEL.test(config.label)) problems.push("artifact.config.label must be 1 to 15 printable characters");
  if (!isCount(config.offset) || config.offset % 4096 !== 0)
    problems.push("artifact.config.offset must be a multiple of 4096");
  if (!isCount(config.size) || config.size === 0 || config.size % 4096 !== 0) {
    problems.push("artifact.config.size must be a multiple of 4096");
  }
  return problems;
}

function storeProblems({ artifact: { store } }: FlashScriptInput): string[] {
  const access = store.kind === "cluster" ? undefined : store.access;
  const problems =
    access !== undefined && dnsLabelProblem(access) !== undefined
      ? ["artifact.store.access is no name of a Secret"]
      : [];
  if (store.kind === "directory") {
    return isPrintable(store.path, 4096) ? problems : [...problems, "artifact.store.path must be printable"];
  }
  if (store.kind !== "cluster") {
    if (!URL_OF_STORE.test(storeUrl(store)))
      problems.push("artifact.store has no URL that a script can hold");
    if (store.kind === "s3" && !/^[a-z0-9-]{1,40}$/.test(store.region))
      problems.push("artifact.store.region is none");
    return problems;
  }
  problems.push(
    ...store.parts
      .filter((part) => !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(part) || part.length > 253)
      .map((part) => `${JSON.stringify(part)} is not the name of a ConfigMap`),
  );
  if (store.parts.length === 0) problems.push("artifact.store.parts must not be empty");
  const namespaceProblem = dnsLabelProblem(store.namespace);
  if (namespaceProblem !== undefined) problems.push(`artifact.store.namespace ${namespaceProblem}`);
  return problems;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isPrintable(text: string, max: number): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  return text.length > 0 && text.length <= max && !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}

/** Bytes of a flash size as esptool spells it ("4MB", "512KB"), 0 for anything else. */
export function flashBytes(size: string): number {
  const match = /^(\d{1,4})(KB|MB)$/.exec(size);
  return match ? Number(match[1]) * (match[2] === "MB" ? 1024 * 1024 : 1024) : 0;
}

/** Two bytes, as an image stores its chip, in the hexadecimal digits that the script compares. */
function chipIdDigits(chip: string): string {
  const id = chipNamed(chip)?.id ?? 0;
  return [id & 0xff, id >> 8].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function tableOffset({ artifact }: FlashScriptInput): number {
  const byName = artifact.files.find((file) => /partition[-_]?(table|s)?[^/]*\.bin$/i.test(file.path));
  return artifact.files.some((file) => file.offset === USUAL_TABLE_OFFSET)
    ? USUAL_TABLE_OFFSET
    : (byName?.offset ?? USUAL_TABLE_OFFSET);
}

/**
 * The lines before the script proper.
 * @throws VisibleError with everything that is wrong with the input
 */
export function renderHeader(input: FlashScriptInput): string {
  const problems = flashScriptProblems(input);
  if (problems.length > 0) {
    throw new VisibleError(
      `No flash script can be made for class ${JSON.stringify(input.className)}: ${problems.join("; ")}`,
    );
  }
  const { artifact } = input;
  const store = artifact.store;
  const files = [...artifact.files].sort((a, b) => a.offset - b.offset);
  const variables: [name: string, value: string | number][] = [
    ["CLASS", input.className],
    ["CLUSTER", input.clusterName],
    ["CLUSTER_UID", input.clusterUid ?? ""],
    ["NAMESPACE", input.namespace],
    ["CHIP", input.chip],
    ["CHIP_ID", chipIdDigits(input.chip)],
    ["FIRMWARE_VERSION", artifact.version],
    ["ARTIFACT_DIGEST", artifact.digest],
    ["FLASH_BYTES", flashBytes(artifact.flashSize)],
    ["TABLE_OFFSET", tableOffset(input)],
    ["CONFIG_LABEL", artifact.config.label],
    ["CONFIG_OFFSET", artifact.config.offset],
    ["CONFIG_SIZE", artifact.config.size],
    ["STORE_KIND", store.kind],
    ["STORE_OBJECTS", store.kind === "cluster" ? (store.objects?.toLowerCase() ?? "configmap") : ""],
    ["STORE_NAMESPACE", store.kind === "cluster" ? store.namespace : ""],
    ["STORE_PARTS", store.kind === "cluster" ? store.parts.join(" ") : ""],
    ["STORE_PATH", store.kind === "directory" ? store.path : ""],
    ["STORE_URL", store.kind === "s3" || store.kind === "oci" ? storeUrl(store) : ""],
    ["STORE_REGION", store.kind === "s3" ? store.region : ""],
    ["STORE_ENCRYPTED", (store.kind !== "cluster" && store.encrypted) || ""],
    ["STORE_ACCESS", (store.kind !== "cluster" && store.access) || ""],
    ["DEFAULT_BAUD", 460800],
    ["FILES", files.map((file) => `${file.offset} ${file.sha256} ${file.size} ${file.path}`).join("\n")],
  ];
  return `#!/bin/sh
# Flashes the boards of device class ${input.className}: fetches the firmware and a device's configuration with your
# own kubectl rights and writes them with esptool. flash.sh --help shows how. It holds no secrets.
# Made by Edgeflock; the same text is in ConfigMap ${flashConfigMapName(input.className)}.

${variables.map(([name, value]) => `${name}=${shellQuote(String(value))}`).join("\n")}
`;
}
