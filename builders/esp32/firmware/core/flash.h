// What the core asks of a board's flash. The board layer implements it. Portable.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgeflock {

constexpr size_t kSectorSize = 4096;

/// NOR flash: programming only clears bits, erasing sets a whole sector to 0xFF.
class Flash {
 public:
  virtual ~Flash() = default;
  virtual size_t size() const = 0;
  /// The whole flash, mapped for reading.
  virtual const uint8_t *data() const = 0;
  /// @return false if the range is outside the flash or could not be programmed.
  virtual bool program(size_t offset, const uint8_t *bytes, size_t length) = 0;
  virtual bool eraseSector(size_t offset) = 0;
};

}  // namespace edgeflock
