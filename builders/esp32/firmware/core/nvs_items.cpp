#include "core/nvs_items.h"

#include <algorithm>

namespace edgeflock {
namespace {

struct PageRef {
  size_t number = 0;
  NvsPage page;
};

bool isBlank(const uint8_t *bytes, size_t length) {
  return std::all_of(bytes, bytes + length, [](uint8_t byte) { return byte == 0xFF; });
}

std::vector<PageRef> usablePages(const uint8_t *partition, size_t size, std::vector<std::string> &problems) {
  std::vector<PageRef> pages;
  for (size_t number = 0; number < size / kNvsPageSize; number++) {
    const uint8_t *bytes = partition + number * kNvsPageSize;
    const NvsPage page(bytes);
    const std::string name = "page " + std::to_string(number);
    if (page.state() == kPageEmpty) {
      if (!isBlank(bytes, kNvsFirstEntry)) problems.push_back(name + " has no state but is not blank");
    } else if (!page.isInUse()) {
      problems.push_back(name + " is in a state that means damage");
    } else if (!page.headerIsSound()) {
      problems.push_back(name + " has a header with a wrong checksum");
    } else if (page.version() != kVersion1 && page.version() != kVersion2) {
      problems.push_back(name + " has an unknown format version");
    } else {
      pages.push_back({number, page});
    }
  }
  std::stable_sort(pages.begin(), pages.end(), [](const PageRef &left, const PageRef &right) {
    return left.page.sequence() < right.page.sequence();
  });
  return pages;
}

/// Why the entry cannot be used, or nullptr.
const char *entryProblem(const NvsPage &page, size_t index) {
  const uint8_t *entry = page.entry(index);
  if (entryCrc(entry) != readU32(entry + 4)) return "has a wrong checksum";
  const size_t span = entry[2];
  if (span == 0 || index + span > kNvsEntriesPerPage) return "reaches beyond its page";
  for (size_t next = 1; next < span; next++) {
    if (page.entryState(index + next) != kEntryWritten) return "was not written to its end";
  }
  return nullptr;
}

}  // namespace

NvsItems collectNvsItems(const uint8_t *partition, size_t size, std::vector<std::string> &problems) {
  NvsItems found;
  if (size % kNvsPageSize != 0) problems.push_back("the partition does not end with a whole page");
  for (const PageRef &ref : usablePages(partition, size, problems)) {
    size_t index = 0;
    while (index < kNvsEntriesPerPage) {
      const uint8_t state = ref.page.entryState(index);
      if (state == kEntryEmpty || state == kEntryErased) {
        index++;
        continue;
      }
      const char *problem = state == kEntryWritten ? entryProblem(ref.page, index) : "is in an unknown state";
      const uint8_t *entry = ref.page.entry(index);
      const NvsItem item{ref.number, index, NvsHeader(entry), entry + kNvsEntrySize};
      if (problem != nullptr) {
        problems.push_back(item.where() + " " + problem);
        index++;
        continue;
      }
      const NvsHeader &header = item.header;
      if (header.namespaceIndex != 0) {
        found.items.push_back(item);
      } else if (header.type == NvsType::u8 && header.span == 1 && header.data[0] != 0) {
        found.namespaces[header.data[0]] = header.key;
      } else {
        problems.push_back(item.where() + " does not name a namespace");
      }
      index += header.span;
    }
  }
  return found;
}

}  // namespace edgeflock
