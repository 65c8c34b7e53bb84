// A flash whose power goes: it obeys until its writes are used up; the write on which the power goes is done by half.
#pragma once

#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/flash.h"

class CutFlash : public edgeflock::Flash {
 public:
  CutFlash(size_t size, long writes) : bytes_(size, 0xFF), left_(writes) {}
  size_t size() const override { return bytes_.size(); }
  const uint8_t *data() const override { return bytes_.data(); }
  bool program(size_t offset, const uint8_t *bytes, size_t length) override {
    if (offset > size() || length > size() - offset) std::abort();
    const size_t done = spend(length);
    for (size_t at = 0; at < done; at++) bytes_[offset + at] &= bytes[at];
    return true;
  }
  bool eraseSector(size_t offset) override {
    if (offset % edgeflock::kSectorSize != 0 || offset >= size()) std::abort();
    std::memset(&bytes_[offset], 0xFF, spend(edgeflock::kSectorSize));
    return true;
  }
  void restorePower() { left_ = -1; }
  void cutAfter(long writes) { left_ = writes; }
  bool isOff() const { return left_ == 0; }
  /// Puts bytes there as a flasher does, whatever was there.
  void flash(size_t offset, const std::vector<uint8_t> &bytes) {
    std::memcpy(&bytes_[offset], bytes.data(), bytes.size());
  }

 private:
  size_t spend(size_t length) {
    if (left_ < 0) return length;
    if (left_ == 0) return 0;
    left_--;
    return left_ == 0 ? length / 2 : length;
  }
  std::vector<uint8_t> bytes_;
  long left_;
};
