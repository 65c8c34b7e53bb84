// The firmware as files for esptool, checked once for all boards. Writes to a private folder in the system's
// temporary one, and removes what stations that were killed left there.
import { chmod, lstat, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { inspectAppImage } from "../../builders/app-image.ts";
import type { FirmwareArtifact } from "../../builders/contract.ts";
import { readPartitionTable } from "../../builders/partitions/binary.ts";
import type { PartitionTable } from "../../builders/partitions/partition-table.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { isAlive } from "../../toolchain/is-alive.ts";
import { flashBytes } from "../flash-script/header.ts";
import type { FileToWrite } from "./esptool.ts";
import type { FlashSource } from "./flash-source.ts";

export interface PreparedFirmware extends AsyncDisposable {
  /** Readable by its owner alone; whatever is put there is removed with it. */
  readonly folder: string;
  readonly files: readonly FileToWrite[];
  /** Bytes of flash that a board must have. */
  readonly flashNeeded: number;
  /** Where the key of an encrypted configuration goes. @throws VisibleError when there is no such partition */
  keysOffset(device: string): number;
}

const NVS_KEYS = { type: 1, subtype: 4 };

/** @throws VisibleError when the firmware is damaged, for another chip, or has the configuration elsewhere */
export async function prepareFirmware(source: FlashSource): Promise<PreparedFirmware> {
  const { artifact } = source;
  const contents = await source.firmware();
  const bytesOf = (path: string) => contents.get(path) as Uint8Array;
  const tableFile = artifact.files.find(({ path }) => isPartitionTable(bytesOf(path)));
  if (!tableFile) throw unusable("it has no partition table");
  const table = readPartitionTable(bytesOf(tableFile.path));
  checkLayout(artifact, table, contents);
  const folder = await privateFolder();
  const files: FileToWrite[] = [];
  for (const [index, { path, offset, size }] of artifact.files.entries()) {
    const file = join(folder, `${index}.bin`);
    await writeFile(file, bytesOf(path), { mode: 0o600 });
    files.push({ offset, path: file, size });
  }
  return {
    folder,
    files,
    flashNeeded: Math.max(flashBytes(artifact.flashSize), ...table.map(({ offset, size }) => offset + size)),
    keysOffset(device) {
      const partition = table.find(
        ({ type, subtype }) => type === NVS_KEYS.type && subtype === NVS_KEYS.subtype,
      );
      if (!partition)
        throw unusable(`it has no partition for the key of ${device}'s encrypted configuration`);
      return partition.offset;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function isPartitionTable(bytes: Uint8Array): boolean {
  return bytes[0] === 0xaa && bytes[1] === 0x50;
}

function checkLayout(
  artifact: FirmwareArtifact,
  table: PartitionTable,
  contents: ReadonlyMap<string, Uint8Array>,
): void {
  const { config } = artifact;
  const row = table.find(({ name }) => name === config.label);
  if (row?.offset !== config.offset || row.size !== config.size) {
    throw unusable(
      `its partition table does not have "${config.label}" at 0x${config.offset.toString(16)} with ${config.size} bytes`,
    );
  }
  for (const { path, offset, size } of artifact.files) {
    if (offset < config.offset + config.size && offset + size > config.offset)
      throw unusable(`${path} would overwrite the configuration`);
    const bytes = contents.get(path) as Uint8Array;
    const chip = bytes[0] === 0xe9 ? inspectAppImage(bytes).image?.chip : undefined;
    const name = typeof chip === "object" ? chip.name : chip;
    if (name !== undefined && name !== artifact.chip)
      throw unusable(`${path} was built for a chip ${name}, not ${artifact.chip}`);
  }
}

function unusable(why: string): VisibleError {
  return new VisibleError(`The firmware cannot be used: ${why}.`, {
    hint: "Tell whoever runs the cluster.",
    exitCode: 7,
  });
}

async function privateFolder(): Promise<string> {
  const prefix = `edgeflock-station.${hostname().replace(/[^A-Za-z0-9-]/g, "")}.`;
  for (const name of await readdir(tmpdir())) {
    const process = name.startsWith(prefix) ? Number(name.slice(prefix.length).split(".")[0]) : Number.NaN;
    if (Number.isInteger(process) && !isAlive(process)) await sweep(join(tmpdir(), name));
  }
  const folder = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}.`));
  await chmod(folder, 0o700);
  return folder;
}

async function sweep(folder: string): Promise<void> {
  const found = await lstat(folder).catch(() => undefined);
  if (!found?.isDirectory() || (process.getuid && found.uid !== process.getuid())) return;
  await rm(folder, { recursive: true, force: true });
}
