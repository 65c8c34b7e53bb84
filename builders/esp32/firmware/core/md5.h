// MD5 (RFC 1321), which ESP-IDF appends to partition tables. It finds accidents, not attacks. Portable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace edgeflock {

std::array<uint8_t, 16> md5(const uint8_t *data, size_t length);

}  // namespace edgeflock
