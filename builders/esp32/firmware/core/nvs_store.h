// Writes values into an NVS partition as the NVS library does: entries are appended, old ones marked
// erased, full pages moved with one page in reserve. What a power cut interrupts is mended at the next start.
// Portable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/flash.h"
#include "core/nvs_format.h"
#include "core/nvs_reader.h"

namespace edgeflock {

class NvsStore {
 public:
  /// The partition lies in `flash` from `offset`; NVS needs at least three pages to write.
  NvsStore(Flash &flash, size_t offset, size_t size);

  /// Finishes what a power cut interrupted and erases pages that nothing can be read from.
  void repair();

  /// @return `fallback` where there is no such u32.
  uint32_t get(const std::string &space, const std::string &key, uint32_t fallback) const;

  /// @return false where the partition has no room left or is too small.
  bool put(const std::string &space, const std::string &key, uint32_t value);
  /// An integer or a string takes the place of an older one; a blob must be new.
  bool put(const NvsValue &value);

  NvsContents read() const;
  /// Erases all of it.
  bool clear();

 private:
  const uint8_t *pageBytes(size_t page) const;
  NvsPage page(size_t number) const { return NvsPage(pageBytes(number)); }
  size_t pageCount() const { return size_ / kNvsPageSize; }
  std::vector<size_t> blankPages() const;
  /// The page in this state with the highest sequence number, or pageCount().
  size_t newestPage(uint32_t state) const;
  uint32_t nextSequence() const;

  void setPageState(size_t page, uint32_t state);
  void setEntryState(size_t page, size_t index, uint8_t state);
  void erasePage(size_t page);
  void startPage(size_t page);
  bool makeRoom();
  void moveEntries(size_t from, size_t to);
  size_t firstFreeEntry(size_t page) const;
  /// An entry with what follows it, `span` entries of 32 bytes; never over the end of a page.
  bool append(const uint8_t *entry, size_t span = 1);
  bool putBlob(uint8_t space, const NvsValue &value);
  void eraseOlder(uint8_t space, const std::string &key);
  void mendEntries(size_t page);
  bool namespaceIndex(const std::string &space, uint8_t &index);

  Flash &flash_;
  size_t offset_;
  size_t size_;
};

}  // namespace edgeflock
