// ESP-IDF's partition table as it lies in flash. Portable.
// Layout: ESP-IDF, docs/en/api-guides/partition-tables.rst and esp_flash_partitions.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace edgeflock {

constexpr size_t kPartitionTableOffset = 0x8000;
constexpr uint8_t kPartitionTypeData = 0x01;
constexpr uint8_t kPartitionSubtypeNvs = 0x02;
/// ESP-IDF's "undefined": raw data, where a configuration comes as a file.
constexpr uint8_t kPartitionSubtypeRaw = 0x06;

struct Partition {
  std::string label;
  uint8_t type = 0;
  uint8_t subtype = 0;
  size_t offset = 0;
  size_t size = 0;
  uint32_t flags = 0;
};

struct PartitionTable {
  std::vector<Partition> partitions;
  /// Why the table cannot be used; empty for a good one.
  std::string problem;

  /// A partition of type data, or nullptr.
  const Partition *find(const std::string &label, uint8_t subtype) const;
};

/// Reads the table of a flash of `size` bytes; checks magic, MD5 and that each partition lies in the flash.
PartitionTable readPartitionTable(const uint8_t *flash, size_t size);

}  // namespace edgeflock
