// What a board boots: the checks of the ROM and of the second-stage bootloader, in their order, and what they
// print. Reads the given flash, decides, and touches nothing.
// Source: ESP-IDF, components/bootloader_support/src/bootloader_utility.c and esp_image_format.c.
import { type AppImage, inspectAppImage } from "../../builders/app-image.ts";
import { chipNamed } from "../../builders/chips.ts";
import { hostExecutable } from "../../builders/native/host-executable.ts";
import {
  checkPartitionTable,
  isApp,
  isData,
  OTADATA_SIZE,
  otaSlot,
  type Partition,
  type PartitionTable,
  readOtadata,
  readPartitionTable,
  TABLE_OFFSET,
  TABLE_SIZE,
} from "../../builders/partitions/index.ts";
import { VisibleError } from "../../model/visible-error.ts";
import { bootOrder, type Slot } from "./boot-order.ts";
import type { VirtualChip } from "./chip-models.ts";
import type { FlashMemory } from "./flash-memory.ts";

const SUBTYPE_FACTORY = 0;

export interface BootPlan {
  /** What ROM and bootloader print, in ESP-IDF's form. */
  log: string[];
  outcome:
    | { kind: "run"; image: AppImage; partition: string; executable: Uint8Array }
    /** A good image, but code for the chip. */
    | { kind: "foreign"; image: AppImage; partition: string; why: string }
    /** Nothing that can be started; a sentence for people. */
    | { kind: "nothing"; why: string };
}

export function planBoot(flash: FlashMemory, chip: VirtualChip): BootPlan {
  const log: string[] = [];
  const nothing = (why: string): BootPlan => {
    log.push(`E (0) boot: ${why}`);
    return { log, outcome: { kind: "nothing", why } };
  };
  const bootloaderProblem = checkBootloader(flash, chip, log);
  if (bootloaderProblem !== undefined) return nothing(bootloaderProblem);

  const table = readTable(flash, log);
  if (typeof table === "string") return nothing(table);
  const slots = applicationSlots(table);
  if (slots.size === 0) return nothing("the partition table has no application partition");

  for (const slot of slotsToTry(flash, table, slots)) {
    const partition = slots.get(slot);
    const image = partition && loadImage(flash, chip, partition, log);
    if (image && partition) return { log, outcome: outcomeFor(image, partition) };
  }
  return nothing("no bootable application in any partition");
}

function outcomeFor(image: AppImage, partition: Partition): BootPlan["outcome"] {
  try {
    return { kind: "run", image, partition: partition.name, executable: hostExecutable(image) };
  } catch (error) {
    if (!(error instanceof VisibleError)) throw error;
    return { kind: "foreign", image, partition: partition.name, why: error.message };
  }
}

/** The ROM's part. Without a second-stage bootloader in flash, the virtual board's own goes on. */
function checkBootloader(flash: FlashMemory, chip: VirtualChip, log: string[]): string | undefined {
  const offset = chipNamed(chip)?.bootloaderOffset ?? 0;
  const header = flash.read(offset, 24);
  if (header.every((byte) => byte === 0xff)) {
    log.push("I (0) boot: no second-stage bootloader in flash; the virtual board uses its own");
    return undefined;
  }
  const { problems } = inspectAppImage(flash.read(offset, TABLE_OFFSET - offset), { chip });
  if (problems.length > 0) return `the bootloader at ${hex(offset)} ${problems.join("; ")}`;
  log.push(`I (0) boot: second-stage bootloader at ${hex(offset)} is good`);
  return undefined;
}

function readTable(flash: FlashMemory, log: string[]): PartitionTable | string {
  const where = `the partition table at ${hex(TABLE_OFFSET)}`;
  let table: PartitionTable;
  try {
    table = readPartitionTable(flash.read(TABLE_OFFSET, TABLE_SIZE));
  } catch (error) {
    if (!(error instanceof VisibleError)) throw error;
    return `${where} cannot be used: ${error.message}`;
  }
  log.push("I (0) boot: Partition Table:", "I (0) boot: ## Label            Type ST Offset   Length");
  table.forEach((partition, index) => {
    const numbers = [hexDigits(partition.type, 2), hexDigits(partition.subtype, 2)];
    const range = [hexDigits(partition.offset, 8), hexDigits(partition.size, 8)];
    const row = [
      String(index).padStart(2),
      partition.name.padEnd(16),
      `${numbers[0]}  `,
      numbers[1],
      ...range,
    ];
    log.push(`I (0) boot: ${row.join(" ")}`);
  });
  log.push("I (0) boot: End of partition table");
  const problems = checkPartitionTable(table, { flashSize: flash.size });
  return problems.length > 0 ? `${where} is wrong: ${problems.join("; ")}` : table;
}

function applicationSlots(table: PartitionTable): Map<Slot, Partition> {
  const slots = new Map<Slot, Partition>();
  for (const partition of table) {
    const slot = otaSlot(partition);
    if (slot !== undefined) slots.set(slot, partition);
    else if (isApp(partition) && partition.subtype === SUBTYPE_FACTORY) slots.set("factory", partition);
  }
  return slots;
}

function slotsToTry(flash: FlashMemory, table: PartitionTable, slots: Map<Slot, Partition>): Slot[] {
  const otadata = table.find((partition) => isData(partition, "ota"));
  const complete = otadata !== undefined && otadata.size >= OTADATA_SIZE;
  const entries = complete ? readOtadata(flash.read(otadata.offset, OTADATA_SIZE)) : [];
  const factory = slots.has("factory");
  return bootOrder(entries, { slots: slots.size - (factory ? 1 : 0), factory });
}

function loadImage(
  flash: FlashMemory,
  chip: VirtualChip,
  partition: Partition,
  log: string[],
): AppImage | undefined {
  const bytes = flash.read(partition.offset, imageExtent(flash, partition));
  const { image, problems } = inspectAppImage(bytes, { chip });
  if (image === undefined || problems.length > 0) {
    log.push(`E (0) esp_image: the image in partition "${partition.name}" ${problems.join("; ")}`);
    return undefined;
  }
  image.segments.forEach(({ address, offset, data }, index) => {
    const place = `paddr=${hexDigits(partition.offset + offset, 8)} vaddr=${hexDigits(address, 8)}`;
    log.push(`I (0) esp_image: segment ${index}: ${place} size=${hexDigits(data.length, 5)}`);
  });
  log.push(`I (0) boot: Loaded app from partition at offset ${hex(partition.offset)}`);
  return image;
}

/** Bytes from the partition's start that its image can take, from its segment headers; little is read. */
function imageExtent(flash: FlashMemory, { offset, size }: Partition): number {
  const header = flash.read(offset, Math.min(24, size));
  let end = 24;
  for (let segment = 0; segment < Math.min(header[1] ?? 0, 16) && end + 8 <= size; segment++) {
    const field = flash.read(offset + end, 8);
    end += 8 + new DataView(field.buffer).getUint32(4, true);
    if (end > size) return size;
  }
  return Math.min(end + 16 + 32, size); // padding with checksum, SHA-256
}

function hexDigits(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
