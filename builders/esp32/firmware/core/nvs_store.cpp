#include "nvs_store.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "nvs_items.h"
#include "nvs_reader.h"

namespace edgeflock {
namespace {

using RawEntry = std::array<uint8_t, kNvsEntrySize>;

RawEntry makeEntry(uint8_t space, NvsType type, const std::string &key, uint32_t value, size_t width) {
  RawEntry entry;
  entry.fill(0xFF);
  entry[0] = space;
  entry[1] = static_cast<uint8_t>(type);
  entry[2] = 1;
  entry[3] = kChunkNone;
  std::memset(&entry[8], 0, 16);
  std::memcpy(&entry[8], key.data(), std::min<size_t>(key.size(), 15));
  for (size_t byte = 0; byte < width; byte++) entry[24 + byte] = static_cast<uint8_t>(value >> (8 * byte));
  writeU32(&entry[4], entryCrc(entry.data()));
  return entry;
}

bool isBlank(const uint8_t *bytes, size_t length) {
  return std::all_of(bytes, bytes + length, [](uint8_t byte) { return byte == 0xFF; });
}

bool isWhole(const NvsPage &page, size_t index) {
  return page.entryState(index) == kEntryWritten && entryCrc(page.entry(index)) == readU32(page.entry(index) + 4);
}

/// Entries that this one takes, itself included; never reaching beyond the page.
size_t spanOf(const NvsPage &page, size_t index) {
  return std::min<size_t>(std::max<size_t>(page.entry(index)[2], 1), kNvsEntriesPerPage - index);
}

}  // namespace

NvsStore::NvsStore(Flash &flash, size_t offset, size_t size) : flash_(flash), offset_(offset), size_(size) {}

const uint8_t *NvsStore::pageBytes(size_t page) const { return flash_.data() + offset_ + page * kNvsPageSize; }

std::vector<size_t> NvsStore::blankPages() const {
  std::vector<size_t> pages;
  for (size_t number = 0; number < pageCount(); number++) {
    if (isBlank(pageBytes(number), kNvsPageSize)) pages.push_back(number);
  }
  return pages;
}

size_t NvsStore::newestPage(uint32_t state) const {
  size_t newest = pageCount();
  for (size_t number = 0; number < pageCount(); number++) {
    if (page(number).state() != state) continue;
    if (newest == pageCount() || page(number).sequence() > page(newest).sequence()) newest = number;
  }
  return newest;
}

uint32_t NvsStore::nextSequence() const {
  uint32_t next = 0;
  for (size_t number = 0; number < pageCount(); number++) {
    if (page(number).isInUse()) next = std::max(next, page(number).sequence() + 1);
  }
  return next;
}

void NvsStore::setPageState(size_t page, uint32_t state) {
  uint8_t bytes[4];
  writeU32(bytes, state);
  flash_.program(offset_ + page * kNvsPageSize, bytes, sizeof bytes);
}

void NvsStore::setEntryState(size_t number, size_t index, uint8_t state) {
  const size_t at = kNvsMapOffset + index / 4;
  const unsigned shift = static_cast<unsigned>(2 * (index % 4));
  const auto map = static_cast<uint8_t>((pageBytes(number)[at] & ~(3U << shift)) | (unsigned{state} << shift));
  flash_.program(offset_ + number * kNvsPageSize + at, &map, 1);
}

void NvsStore::erasePage(size_t page) { flash_.eraseSector(offset_ + page * kNvsPageSize); }

void NvsStore::startPage(size_t number) {
  uint8_t header[kNvsMapOffset];
  std::memset(header, 0xFF, sizeof header);
  writeU32(header, kPageActive);
  writeU32(header + 4, nextSequence());
  header[8] = kVersion2;
  writeU32(header + 28, nvsCrc32(header + 4, 24));
  flash_.program(offset_ + number * kNvsPageSize, header, sizeof header);
}

void NvsStore::repair() {
  for (size_t number = 0; number < pageCount(); number++) {
    const NvsPage candidate = page(number);
    const bool sound = candidate.isInUse() && candidate.headerIsSound();
    if (!sound && !isBlank(pageBytes(number), kNvsPageSize)) erasePage(number);
  }
  const size_t freeing = newestPage(kPageFreeing);
  if (freeing != pageCount()) {
    // The move that was under way starts anew: what the new page has got so far is still in the old one.
    const size_t target = newestPage(kPageActive);
    if (target != pageCount()) erasePage(target);
    const std::vector<size_t> blank = blankPages();
    if (blank.empty()) return;
    startPage(blank.front());
    moveEntries(freeing, blank.front());
  }
  const size_t active = newestPage(kPageActive);
  if (active == pageCount()) return;
  for (size_t index = 0; index < kNvsEntriesPerPage; index++) {
    // written, but the map does not say so yet: the power went between the two
    const bool unmapped = page(active).entryState(index) == kEntryEmpty;
    if (unmapped && !isBlank(page(active).entry(index), kNvsEntrySize)) setEntryState(active, index, kEntryErased);
  }
}

uint32_t NvsStore::get(const std::string &space, const std::string &key, uint32_t fallback) const {
  const NvsContents contents = readNvs(pageBytes(0), size_);
  const NvsValue *value = contents.find(space, key);
  return value != nullptr && value->type == NvsType::u32 ? static_cast<uint32_t>(value->bits) : fallback;
}

bool NvsStore::put(const std::string &space, const std::string &key, uint32_t value) {
  if (pageCount() < 3) return false;
  uint8_t index = 0;
  if (!namespaceIndex(space, index)) return false;
  if (!append(makeEntry(index, NvsType::u32, key, value, 4).data())) return false;

  // All older entries of the key go; the newest stays.
  std::vector<std::string> ignored;
  const NvsItems found = collectNvsItems(pageBytes(0), size_, ignored);
  const NvsItem *newest = nullptr;
  for (const NvsItem &item : found.items) {
    if (item.header.namespaceIndex != index || item.header.key != key) continue;
    if (newest != nullptr) {
      for (size_t at = 0; at < newest->header.span; at++) setEntryState(newest->page, newest->index + at, kEntryErased);
    }
    newest = &item;
  }
  return true;
}

bool NvsStore::namespaceIndex(const std::string &space, uint8_t &index) {
  std::vector<std::string> ignored;
  const NvsItems found = collectNvsItems(pageBytes(0), size_, ignored);
  for (const auto &[number, name] : found.namespaces) {
    index = number;
    if (name == space) return true;
  }
  for (unsigned candidate = 1; candidate < 255; candidate++) {
    index = static_cast<uint8_t>(candidate);
    if (found.namespaces.count(index) == 0) {
      return append(makeEntry(0, NvsType::u8, space, index, 1).data());
    }
  }
  return false;
}

bool NvsStore::append(const uint8_t *entry) {
  size_t active = newestPage(kPageActive);
  if (active == pageCount() || firstFreeEntry(active) == kNvsEntriesPerPage) {
    if (active != pageCount()) setPageState(active, kPageFull);
    if (!makeRoom()) return false;
    active = newestPage(kPageActive);
  }
  if (active == pageCount()) return false;
  const size_t index = firstFreeEntry(active);
  if (index == kNvsEntriesPerPage) return false;
  const size_t at = offset_ + active * kNvsPageSize + kNvsFirstEntry + index * kNvsEntrySize;
  if (!flash_.program(at, entry, kNvsEntrySize)) return false;
  setEntryState(active, index, kEntryWritten);
  return true;
}

size_t NvsStore::firstFreeEntry(size_t number) const {
  size_t free = kNvsEntriesPerPage;
  while (free > 0 && page(number).entryState(free - 1) == kEntryEmpty) free--;
  return free;
}

/// Starts a new page. The last blank one is only taken to move a page there, which makes that one blank.
bool NvsStore::makeRoom() {
  const std::vector<size_t> blank = blankPages();
  if (blank.empty()) return false;
  if (blank.size() > 1) {
    startPage(blank.front());
    return true;
  }
  size_t emptiest = pageCount();
  size_t fewest = kNvsEntriesPerPage;
  for (size_t number = 0; number < pageCount(); number++) {
    if (page(number).state() != kPageFull) continue;
    size_t written = 0;
    for (size_t index = 0; index < kNvsEntriesPerPage; index++) {
      if (page(number).entryState(index) == kEntryWritten) written++;
    }
    if (written < fewest) {
      fewest = written;
      emptiest = number;
    }
  }
  if (emptiest == pageCount()) return false;
  setPageState(emptiest, kPageFreeing);
  startPage(blank.front());
  moveEntries(emptiest, blank.front());
  return true;
}

void NvsStore::moveEntries(size_t from, size_t to) {
  size_t target = 0;
  for (size_t index = 0; index < kNvsEntriesPerPage;) {
    if (!isWhole(page(from), index)) {
      index++;
      continue;
    }
    const size_t span = spanOf(page(from), index);
    const size_t at = offset_ + to * kNvsPageSize + kNvsFirstEntry + target * kNvsEntrySize;
    flash_.program(at, page(from).entry(index), span * kNvsEntrySize);
    for (size_t moved = 0; moved < span; moved++) setEntryState(to, target + moved, kEntryWritten);
    index += span;
    target += span;
  }
  erasePage(from);
}

}  // namespace edgeflock
