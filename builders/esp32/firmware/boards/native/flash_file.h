// A flash that is a file of this host, mapped into memory, with the manners of NOR flash.
#pragma once

#include <string>

#include "core/flash.h"

namespace edgeflock {

class FlashFile : public Flash {
 public:
  FlashFile() = default;
  FlashFile(const FlashFile &) = delete;
  FlashFile &operator=(const FlashFile &) = delete;
  ~FlashFile() override;

  /// @return why the file cannot be used, or an empty text
  std::string open(const std::string &path);

  size_t size() const override { return size_; }
  const uint8_t *data() const override { return bytes_; }
  bool program(size_t offset, const uint8_t *bytes, size_t length) override;
  bool eraseSector(size_t offset) override;

 private:
  uint8_t *bytes_ = nullptr;
  size_t size_ = 0;
};

}  // namespace edgeflock
