// Holds what is to be flashed against a partition table: nothing may lie inside somebody else's partition.
// Touches nothing.
import { describePartition, hex, type PartitionTable, SECTOR_SIZE } from "./partition-table.ts";

/** Something that is written to flash. */
export interface FlashImage {
  /** For messages: a file's name, say. */
  name: string;
  offset: number;
  /** Bytes. */
  size: number;
}

/** Images that would destroy something, or do not fit, a sentence each. */
export function checkImages(
  table: PartitionTable,
  images: readonly FlashImage[],
  tableOffset: number,
): string[] {
  const problems: string[] = [];
  for (const image of images) {
    if (image.offset % SECTOR_SIZE !== 0) {
      problems.push(
        `${describe(image)} does not begin at a multiple of ${hex(SECTOR_SIZE)}: flash is erased in such sectors`,
      );
    }
    const wrong = tableProblem(image, tableOffset) ?? partitionProblem(image, table);
    if (wrong) problems.push(`${describe(image)} ${wrong}`);
  }
  return [...problems, ...overlaps(images)];
}

/** Images that belong to no partition. */
export function warnAboutImages(
  table: PartitionTable,
  images: readonly FlashImage[],
  tableOffset: number,
): string[] {
  return images
    .filter((image) => image.offset >= tableOffset + SECTOR_SIZE)
    .filter((image) => !table.some((partition) => meets(image, partition)))
    .map((image) => `${describe(image)} lies in no partition`);
}

function describe(image: FlashImage): string {
  return `${image.name} (${hex(image.offset)}–${hex(image.offset + image.size)})`;
}

function meets(a: { offset: number; size: number }, b: { offset: number; size: number }): boolean {
  return a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

function tableProblem(image: FlashImage, tableOffset: number): string | undefined {
  const sector = { offset: tableOffset, size: SECTOR_SIZE };
  if (!meets(image, sector)) return undefined;
  const end = tableOffset + SECTOR_SIZE;
  if (image.offset < tableOffset) return `reaches into the partition table at ${hex(tableOffset)}`;
  if (image.offset > tableOffset)
    return `lies inside the partition table's sector, ${hex(tableOffset)}–${hex(end)}`;
  return image.size > SECTOR_SIZE
    ? `is larger than the partition table's sector, which ends at ${hex(end)}`
    : undefined;
}

function partitionProblem(image: FlashImage, table: PartitionTable): string | undefined {
  const met = table.filter((partition) => meets(image, partition));
  const own = met.find((partition) => partition.offset === image.offset);
  const other = met.find((partition) => partition !== own && partition.offset < image.offset);
  if (other)
    return `lies inside the partition ${describePartition(other)}, not at its start, and would overwrite part of it`;
  if (own && image.size > own.size) {
    return `has ${image.size - own.size} bytes more than its partition ${describePartition(own)}`;
  }
  const reached = met.find((partition) => partition !== own);
  return reached ? `reaches into the partition ${describePartition(reached)}` : undefined;
}

function overlaps(images: readonly FlashImage[]): string[] {
  const sorted = [...images].sort((a, b) => a.offset - b.offset);
  return sorted.slice(1).flatMap((image, at) => {
    const before = sorted[at]!;
    return meets(image, before) ? [`${describe(image)} overlaps ${describe(before)}`] : [];
  });
}
