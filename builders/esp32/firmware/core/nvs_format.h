// The constants of ESP-IDF's NVS format, and one entry's header. Portable.
// Layout: ESP-IDF, docs/en/api-reference/storage/nvs_flash.rst, "Internals".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/bytes.h"

namespace edgeflock {

constexpr size_t kNvsPageSize = 4096;
constexpr size_t kNvsEntrySize = 32;
constexpr size_t kNvsEntriesPerPage = 126;
constexpr size_t kNvsMapOffset = 32;
constexpr size_t kNvsFirstEntry = 64;

constexpr uint32_t kPageEmpty = 0xFFFFFFFF;
constexpr uint32_t kPageActive = 0xFFFFFFFE;
constexpr uint32_t kPageFull = 0xFFFFFFFC;
constexpr uint32_t kPageFreeing = 0xFFFFFFF8;

constexpr uint8_t kVersion1 = 0xFF;
constexpr uint8_t kVersion2 = 0xFE;

constexpr uint8_t kEntryEmpty = 3;
constexpr uint8_t kEntryWritten = 2;
constexpr uint8_t kEntryErased = 0;

constexpr uint8_t kChunkNone = 0xFF;

enum class NvsType : uint8_t {
  u8 = 0x01,
  u16 = 0x02,
  u32 = 0x04,
  u64 = 0x08,
  i8 = 0x11,
  i16 = 0x12,
  i32 = 0x14,
  i64 = 0x18,
  string = 0x21,
  blobV1 = 0x41,
  blobData = 0x42,
  blobIndex = 0x48,
};

/// Bytes of an integer type, 0 for every other.
inline size_t integerWidth(NvsType type) {
  const auto code = static_cast<uint8_t>(type);
  const size_t width = code & 0x0F;
  const bool integer = (code & 0xE0) == 0 && (width == 1 || width == 2 || width == 4 || width == 8);
  return integer ? width : 0;
}

inline bool isSigned(NvsType type) { return (static_cast<uint8_t>(type) & 0x10) != 0; }

/// A page in memory, read as what it is.
class NvsPage {
 public:
  explicit NvsPage(const uint8_t *bytes) : bytes_(bytes) {}
  uint32_t state() const { return readU32(bytes_); }
  uint32_t sequence() const { return readU32(bytes_ + 4); }
  uint8_t version() const { return bytes_[8]; }
  bool headerIsSound() const { return nvsCrc32(bytes_ + 4, 24) == readU32(bytes_ + 28); }
  bool isInUse() const { return state() == kPageActive || state() == kPageFull || state() == kPageFreeing; }
  uint8_t entryState(size_t index) const {
    return (bytes_[kNvsMapOffset + index / 4] >> (2 * (index % 4))) & 3;
  }
  const uint8_t *entry(size_t index) const { return bytes_ + kNvsFirstEntry + kNvsEntrySize * index; }

 private:
  const uint8_t *bytes_;
};

/// An entry's first 32 bytes.
struct NvsHeader {
  uint8_t namespaceIndex;
  NvsType type;
  uint8_t span;
  uint8_t chunk;
  std::string key;
  const uint8_t *data;  ///< its last eight bytes

  explicit NvsHeader(const uint8_t *entry)
      : namespaceIndex(entry[0]), type(static_cast<NvsType>(entry[1])), span(entry[2]), chunk(entry[3]),
        data(entry + 24) {
    size_t length = 0;
    while (length < 16 && entry[8 + length] != 0) length++;
    key.assign(reinterpret_cast<const char *>(entry + 8), length);
  }
};

/// The checksum that belongs into bytes 4–8 of an entry.
inline uint32_t entryCrc(const uint8_t *entry) {
  return nvsCrc32(entry + 8, 24, nvsCrc32(entry, 4));
}

}  // namespace edgeflock
