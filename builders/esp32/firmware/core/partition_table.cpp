#include "core/partition_table.h"

#include <cstring>

#include "core/bytes.h"
#include "core/md5.h"

namespace edgeflock {
namespace {

constexpr size_t kTableSize = 0xC00;
constexpr size_t kEntrySize = 32;
constexpr uint16_t kEntryMagic = 0x50AA;
constexpr uint16_t kMd5Magic = 0xEBEB;
constexpr uint16_t kBlankMagic = 0xFFFF;
constexpr size_t kMd5Offset = 16;
constexpr size_t kLabelSize = 16;

Partition readEntry(const uint8_t *entry) {
  Partition partition;
  partition.type = entry[2];
  partition.subtype = entry[3];
  partition.offset = readU32(entry + 4);
  partition.size = readU32(entry + 8);
  const auto *label = reinterpret_cast<const char *>(entry + 12);
  partition.label.assign(label, strnlen(label, kLabelSize));
  partition.flags = readU32(entry + 28);
  return partition;
}

}  // namespace

const Partition *PartitionTable::find(const std::string &label, uint8_t subtype) const {
  for (const Partition &partition : partitions) {
    if (partition.type == kPartitionTypeData && partition.subtype == subtype &&
        partition.label == label) {
      return &partition;
    }
  }
  return nullptr;
}

PartitionTable readPartitionTable(const uint8_t *flash, size_t size) {
  PartitionTable table;
  if (size < kPartitionTableOffset + kTableSize) {
    table.problem = "the flash is too small for a partition table";
    return table;
  }
  const uint8_t *start = flash + kPartitionTableOffset;
  for (size_t at = 0; at < kTableSize; at += kEntrySize) {
    const uint8_t *entry = start + at;
    const uint16_t magic = readU16(entry);
    if (magic == kMd5Magic) {
      const auto expected = md5(start, at);
      if (std::memcmp(expected.data(), entry + kMd5Offset, expected.size()) != 0) {
        table.problem = "the partition table's MD5 does not match its entries";
      } else if (table.partitions.empty()) {
        table.problem = "the partition table is empty";
      }
      return table;
    }
    if (magic == kBlankMagic && at > 0) return table;  // a table without MD5, which ESP-IDF allows
    if (magic != kEntryMagic) {
      table.problem = at == 0 ? "there is no partition table at 0x8000" : "the partition table is damaged";
      return table;
    }
    Partition partition = readEntry(entry);
    if (partition.offset > size || partition.size > size - partition.offset) {
      table.problem = "partition \"" + partition.label + "\" reaches beyond the flash";
      return table;
    }
    table.partitions.push_back(std::move(partition));
  }
  return table;
}

}  // namespace edgeflock
