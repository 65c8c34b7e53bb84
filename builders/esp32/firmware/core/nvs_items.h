// The sound entries of an NVS partition, page by page, before they are put together to values. Portable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/nvs_format.h"

namespace edgeflock {

struct NvsItem {
  size_t page = 0;   ///< number of the page in the partition
  size_t index = 0;  ///< number of the entry in the page
  NvsHeader header;
  const uint8_t *payload = nullptr;  ///< the entries that follow the header; `header.span - 1` of them

  std::string where() const {
    return "page " + std::to_string(page) + ", entry " + std::to_string(index);
  }
};

struct NvsItems {
  /// Oldest first. Entries that name namespaces are not among them.
  std::vector<NvsItem> items;
  std::map<uint8_t, std::string> namespaces;
};

/// Adds a sentence to `problems` for each page and entry that is not sound.
NvsItems collectNvsItems(const uint8_t *partition, size_t size, std::vector<std::string> &problems);

}  // namespace edgeflock
