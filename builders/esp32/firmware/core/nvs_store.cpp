#include "core/nvs_store.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/nvs_items.h"

namespace edgeflock {
namespace {

using RawEntry = std::array<uint8_t, kNvsEntrySize>;

/// With nothing in its last eight bytes and no checksum yet.
RawEntry makeHeader(uint8_t space, NvsType type, size_t span, uint8_t chunk, const std::string &key) {
  RawEntry entry;
  entry.fill(0xFF);
  entry[0] = space;
  entry[1] = static_cast<uint8_t>(type);
  entry[2] = static_cast<uint8_t>(span);
  entry[3] = chunk;
  std::memset(&entry[8], 0, 16);
  std::memcpy(&entry[8], key.data(), std::min<size_t>(key.size(), 15));
  return entry;
}

void sign(uint8_t *entry) { writeU32(entry + 4, entryCrc(entry)); }

RawEntry makeInteger(uint8_t space, NvsType type, const std::string &key, uint64_t bits) {
  RawEntry entry = makeHeader(space, type, 1, kChunkNone, key);
  for (size_t byte = 0; byte < integerWidth(type); byte++) entry[24 + byte] = static_cast<uint8_t>(bits >> (8 * byte));
  sign(entry.data());
  return entry;
}

size_t spanFor(size_t size) { return 1 + (size + kNvsEntrySize - 1) / kNvsEntrySize; }

/// A string or a piece of a blob with its data behind it.
std::vector<uint8_t> makeSized(uint8_t space, NvsType type, uint8_t chunk, const std::string &key,
                               const std::string &bytes) {
  const size_t span = spanFor(bytes.size());
  const RawEntry header = makeHeader(space, type, span, chunk, key);
  std::vector<uint8_t> all(span * kNvsEntrySize, 0xFF);
  std::copy(header.begin(), header.end(), all.begin());
  all[24] = static_cast<uint8_t>(bytes.size());
  all[25] = static_cast<uint8_t>(bytes.size() >> 8);
  std::copy(bytes.begin(), bytes.end(), all.begin() + kNvsEntrySize);
  writeU32(&all[28], nvsCrc32(all.data() + kNvsEntrySize, bytes.size()));
  sign(all.data());
  return all;
}

bool isBlank(const uint8_t *bytes, size_t length) {
  return std::all_of(bytes, bytes + length, [](uint8_t byte) { return byte == 0xFF; });
}

bool isWhole(const NvsPage &page, size_t index) {
  return page.entryState(index) == kEntryWritten && entryCrc(page.entry(index)) == readU32(page.entry(index) + 4);
}

/// Whole, with all the entries that it takes, and with the data that its checksum speaks of.
bool isComplete(const NvsPage &page, size_t index) {
  if (!isWhole(page, index)) return false;
  const uint8_t *entry = page.entry(index);
  const size_t span = entry[2];
  if (span == 0 || index + span > kNvsEntriesPerPage) return false;
  for (size_t more = 1; more < span; more++) {
    if (page.entryState(index + more) != kEntryWritten) return false;
  }
  return true;
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
  for (size_t number = 0; number < pageCount(); number++) {
    if (page(number).isInUse()) mendEntries(number);
  }
}

/// Marks what a power cut left half written as erased.
void NvsStore::mendEntries(size_t number) {
  for (size_t index = 0; index < kNvsEntriesPerPage;) {
    const uint8_t state = page(number).entryState(index);
    // written, but the map does not say so yet: the power went between the two
    const bool unmapped = state == kEntryEmpty && !isBlank(page(number).entry(index), kNvsEntrySize);
    const bool torn = state == kEntryWritten && !isComplete(page(number), index);
    if (unmapped || torn) setEntryState(number, index, kEntryErased);
    index += state == kEntryWritten && !torn ? spanOf(page(number), index) : 1;
  }
}

NvsContents NvsStore::read() const { return readNvs(pageBytes(0), size_); }

bool NvsStore::clear() {
  for (size_t number = 0; number < pageCount(); number++) {
    if (!isBlank(pageBytes(number), kNvsPageSize)) erasePage(number);
  }
  return blankPages().size() == pageCount();
}

uint32_t NvsStore::get(const std::string &space, const std::string &key, uint32_t fallback) const {
  const NvsContents contents = read();
  const NvsValue *value = contents.find(space, key);
  return value != nullptr && value->type == NvsType::u32 ? static_cast<uint32_t>(value->bits) : fallback;
}

bool NvsStore::put(const std::string &space, const std::string &key, uint32_t number) {
  NvsValue value;
  value.space = space;
  value.key = key;
  value.type = NvsType::u32;
  value.bits = number;
  return put(value);
}

bool NvsStore::put(const NvsValue &value) {
  if (pageCount() < 3) return false;
  uint8_t index = 0;
  if (!namespaceIndex(value.space, index)) return false;
  if (integerWidth(value.type) > 0) {
    if (!append(makeInteger(index, value.type, value.key, value.bits).data())) return false;
  } else if (value.type == NvsType::string) {
    const std::string text = value.bytes + '\0';
    if (spanFor(text.size()) > kNvsEntriesPerPage) return false;
    const std::vector<uint8_t> all = makeSized(index, NvsType::string, kChunkNone, value.key, text);
    if (!append(all.data(), spanFor(text.size()))) return false;
  } else {
    return putBlob(index, value);
  }
  eraseOlder(index, value.key);
  return true;
}

/// Its pieces first, then the index that makes a blob of them.
bool NvsStore::putBlob(uint8_t space, const NvsValue &value) {
  constexpr size_t kLongestPiece = (kNvsEntriesPerPage - 1) * kNvsEntrySize;
  const size_t count = std::max<size_t>(1, (value.bytes.size() + kLongestPiece - 1) / kLongestPiece);
  if (count > 127) return false;
  for (size_t piece = 0; piece < count; piece++) {
    const std::string bytes = value.bytes.substr(piece * kLongestPiece, kLongestPiece);
    const auto chunk = static_cast<uint8_t>(piece);
    const std::vector<uint8_t> all = makeSized(space, NvsType::blobData, chunk, value.key, bytes);
    if (!append(all.data(), spanFor(bytes.size()))) return false;
  }
  RawEntry entry = makeHeader(space, NvsType::blobIndex, 1, kChunkNone, value.key);
  writeU32(&entry[24], static_cast<uint32_t>(value.bytes.size()));
  entry[28] = static_cast<uint8_t>(count);
  entry[29] = 0;
  sign(entry.data());
  return append(entry.data());
}

/// All older entries of the key go; the newest stays.
void NvsStore::eraseOlder(uint8_t space, const std::string &key) {
  std::vector<std::string> ignored;
  const NvsItems found = collectNvsItems(pageBytes(0), size_, ignored);
  const NvsItem *newest = nullptr;
  for (const NvsItem &item : found.items) {
    if (item.header.namespaceIndex != space || item.header.key != key) continue;
    if (newest != nullptr) {
      // the header last: what is without it is erased, whatever follows
      for (size_t at = newest->header.span; at-- > 0;) setEntryState(newest->page, newest->index + at, kEntryErased);
    }
    newest = &item;
  }
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
      return append(makeInteger(0, NvsType::u8, space, index).data());
    }
  }
  return false;
}

bool NvsStore::append(const uint8_t *entry, size_t span) {
  size_t active = newestPage(kPageActive);
  // a page that was moved to make room may be as full as before: then the next one is moved
  for (size_t tries = 0; active == pageCount() || firstFreeEntry(active) + span > kNvsEntriesPerPage; tries++) {
    if (tries == pageCount()) return false;
    if (active != pageCount()) setPageState(active, kPageFull);
    if (!makeRoom()) return false;
    active = newestPage(kPageActive);
  }
  const size_t index = firstFreeEntry(active);
  const size_t at = offset_ + active * kNvsPageSize + kNvsFirstEntry + index * kNvsEntrySize;
  if (!flash_.program(at, entry, span * kNvsEntrySize)) return false;
  for (size_t more = 0; more < span; more++) setEntryState(active, index + more, kEntryWritten);
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
    if (!isComplete(page(from), index)) {
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
