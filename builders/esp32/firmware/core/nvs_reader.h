// Reads an NVS partition as a device does. Portable; never writes, never reads outside the given bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/nvs_format.h"

namespace edgeflock {

struct NvsValue {
  std::string space;  ///< the namespace
  std::string key;
  NvsType type = NvsType::u8;  ///< blobs of both format versions are `blobIndex`
  uint64_t bits = 0;           ///< an integer, sign-extended
  std::string bytes;           ///< a string without its NUL, or a blob

  std::string typeName() const;
  /// An integer in decimal.
  std::string decimal() const;
};

struct NvsContents {
  /// In the order in which the keys first appear.
  std::vector<NvsValue> values;
  /// Every page and entry that had to be skipped, as sentences. They name keys, never values.
  std::vector<std::string> problems;

  const NvsValue *find(const std::string &space, const std::string &key) const;
  /// The value of a string key, or nothing where there is none or it is of another type.
  std::string text(const std::string &space, const std::string &key) const;
};

/// Pages are taken in the order of their sequence numbers; of two entries of one key the newer wins.
NvsContents readNvs(const uint8_t *partition, size_t size);

}  // namespace edgeflock
