#include "core/bytes.h"

namespace edgeflock {

uint32_t nvsCrc32(const uint8_t *data, size_t length, uint32_t previous) {
  uint32_t crc = ~previous;
  for (size_t at = 0; at < length; at++) {
    crc ^= data[at];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

}  // namespace edgeflock
