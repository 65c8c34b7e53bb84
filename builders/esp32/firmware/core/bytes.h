// Little-endian numbers in raw bytes, and CRC-32. Portable; touches nothing but its arguments.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgeflock {

inline uint16_t readU16(const uint8_t *at) { return static_cast<uint16_t>(at[0] | (at[1] << 8)); }

inline uint32_t readU32(const uint8_t *at) {
  return static_cast<uint32_t>(at[0]) | (static_cast<uint32_t>(at[1]) << 8) |
         (static_cast<uint32_t>(at[2]) << 16) | (static_cast<uint32_t>(at[3]) << 24);
}

inline uint64_t readU64(const uint8_t *at) {
  return readU32(at) | (static_cast<uint64_t>(readU32(at + 4)) << 32);
}

inline void writeU32(uint8_t *at, uint32_t value) {
  for (int byte = 0; byte < 4; byte++) at[byte] = static_cast<uint8_t>(value >> (8 * byte));
}

/// CRC-32 as the ESP32's ROM computes it for NVS: reflected 0xEDB88320, started from 0xFFFFFFFF *before* the
/// usual inversion, so that "123456789" gives 0xD202D277. `previous` continues an earlier call.
uint32_t nvsCrc32(const uint8_t *data, size_t length, uint32_t previous = 0xFFFFFFFF);

/// CRC-32 as zlib has it.
inline uint32_t zlibCrc32(const uint8_t *data, size_t length) { return nvsCrc32(data, length, 0); }

}  // namespace edgeflock
