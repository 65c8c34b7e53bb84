// Where encrypting the configuration image protects something, and why it does not elsewhere. Touches nothing.
// Source: ESP-IDF, "NVS Encryption" (docs/en/api-reference/storage/nvs_encryption.rst).
import { securityProblem } from "../../model/schema-device-parts.ts";
import { FLAG, isData, type PartitionTable } from "../partitions/partition-table.ts";

export interface NvsEncryptionChoice {
  /** As in a manifest: esp32, esp32c3, … */
  chip: string;
  /** `hmac`: the chip derives the keys from one in its eFuse. `flash`: they lie in an nvs_keys partition. */
  scheme: "hmac" | "flash";
  /** Whether the class's devices run with flash encryption. */
  flashEncryption: boolean;
  /** The class's own table, once it is known. */
  partitionTable?: PartitionTable;
}

/** Why this choice is refused, a sentence each with what to do; empty if it protects the data. */
export function checkNvsEncryption(choice: NvsEncryptionChoice): string[] {
  const { chip, scheme, flashEncryption, partitionTable } = choice;
  const problem = securityProblem(chip, { nvsEncryption: scheme, flashEncryption });
  const problems = problem === undefined ? [] : [problem];
  if (scheme === "flash" && partitionTable) problems.push(...checkKeyPartition(partitionTable));
  return problems;
}

function checkKeyPartition(table: PartitionTable): string[] {
  const keys = table.find((partition) => isData(partition, "nvs_keys"));
  if (!keys) {
    return ["the partition table has no nvs_keys partition; add `nvs_keys,data,nvs_keys,,0x1000,encrypted`"];
  }
  if (keys.flags & FLAG.readonly)
    return [`the partition "${keys.name}" with the NVS keys cannot be readonly`];
  if (keys.flags & FLAG.encrypted) return [];
  return [
    `the partition "${keys.name}" lacks the flag "encrypted": the NVS keys would lie in the clear beside the data`,
  ];
}
