// Holds a builder's output against itself and against its class: every mistake that could brick a board or
// destroy its configuration is found before anything is stored. Pure.

import { VisibleError } from "../model/visible-error.ts";
import { inspectAppImage } from "./app-image.ts";
import { chipNamed } from "./chips.ts";
import type { ConfigPartition } from "./contract.ts";
import { flashSizeBytes } from "./flash-size.ts";
import type { FlasherArgs, FlasherFile } from "./flasher-args.ts";
import { checkNvsEncryption } from "./nvs/encryption-rules.ts";
import {
  checkPartitionTable,
  isApp,
  type PartitionTable,
  readPartitionTable,
  TABLE_OFFSET,
} from "./partitions/index.ts";

export interface FirmwareExpectations {
  chip: string;
  /** The board's flash, as esptool spells it. */
  flashSize: string;
  /** Bytes. */
  config: ConfigPartition;
  /** How the configuration image is encrypted, where it is. */
  encryption?: { scheme: "hmac" | "flash"; flashEncryption: boolean };
}

export interface FirmwareInspection {
  problems: string[];
  table: PartitionTable | undefined;
  /** The file that starts in an app partition first. */
  application: Uint8Array | undefined;
}

/** @param files contents by the paths of `args` */
export function checkFirmware(
  args: FlasherArgs,
  files: ReadonlyMap<string, Uint8Array>,
  expected: FirmwareExpectations,
): FirmwareInspection {
  const problems: string[] = [];
  const inspection: FirmwareInspection = { problems, table: undefined, application: undefined };
  if (args.chip !== expected.chip) problems.push(`it is for ${args.chip}, the class for ${expected.chip}`);
  const flashSize = Math.min(
    ...[args.size, expected.flashSize].map((size) => flashSizeBytes(size) ?? Infinity),
  );
  for (const file of args.files) {
    const bytes = files.get(file.path);
    if (bytes === undefined) problems.push(`${file.path} is missing`);
    else if (bytes.length === 0) problems.push(`${file.path} is empty`);
    else problems.push(...checkFile(file, bytes, { chip: expected.chip, flashSize }));
  }
  const images = args.files.flatMap(({ offset, path }) => {
    const size = files.get(path)?.length;
    return size === undefined ? [] : [{ name: path, offset, size }];
  });
  const tableFile = args.files.find(({ offset }) => offset === TABLE_OFFSET);
  const tableBytes = tableFile && files.get(tableFile.path);
  if (!tableFile)
    problems.push(`no file goes to 0x${TABLE_OFFSET.toString(16)}, where the partition table has its place`);
  if (!tableFile || !tableBytes) return inspection;
  try {
    const table = readPartitionTable(tableBytes);
    inspection.table = table;
    const limits = Number.isFinite(flashSize) ? { flashSize } : {};
    problems.push(...checkPartitionTable(table, { ...limits, images, configPartition: expected.config }));
    problems.push(...checkConfigUntouched(table, images, expected.config.label));
    if (expected.encryption) {
      problems.push(
        ...checkNvsEncryption({ ...expected.encryption, chip: expected.chip, partitionTable: table }),
      );
    }
    const app = args.files.find(({ offset }) => table.some((one) => isApp(one) && one.offset === offset));
    if (!app) problems.push("no file goes to an app partition: there is nothing to boot");
    inspection.application = app && files.get(app.path);
  } catch (error) {
    if (!(error instanceof VisibleError)) throw error;
    problems.push(`${tableFile.path}: ${error.message}`);
  }
  return inspection;
}

function checkFile(
  file: FlasherFile,
  bytes: Uint8Array,
  { chip, flashSize }: { chip: string; flashSize: number },
): string[] {
  const problems: string[] = [];
  if (file.offset % 4096 !== 0) {
    problems.push(`${file.path} begins at ${hex(file.offset)}, which is no multiple of 0x1000`);
  }
  if (file.offset + bytes.length > flashSize) {
    problems.push(
      `${file.path} ends at ${hex(file.offset + bytes.length)}, beyond the flash of ${hex(flashSize)} bytes`,
    );
  }
  if (file.encrypted)
    problems.push(`${file.path} is to be encrypted while it is flashed, which Edgeflock does not do`);
  const isImage =
    ["app", "bootloader"].includes(file.name ?? "") || file.offset === chipNamed(chip)?.bootloaderOffset;
  if (isImage) {
    for (const problem of inspectAppImage(bytes, { chip }).problems) problems.push(`${file.path} ${problem}`);
  }
  return problems;
}

/** The configuration is each device's own: firmware that is flashed must not touch it. */
function checkConfigUntouched(
  table: PartitionTable,
  images: { name: string; offset: number; size: number }[],
  label: string,
): string[] {
  const config = table.find(({ name }) => name === label);
  if (!config) return [];
  return images
    .filter(
      (image) => image.offset < config.offset + config.size && config.offset < image.offset + image.size,
    )
    .map(
      (image) =>
        `${image.name} at ${hex(image.offset)} would overwrite the configuration partition "${label}"`,
    );
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
