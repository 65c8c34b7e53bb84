// The settings of this device, as its code asks for them. Portable.
#pragma once

#include <cstdint>
#include <string>

#include "core/nvs_reader.h"

namespace edgeflock {

/// A view: the contents must outlive it.
class Settings {
 public:
  explicit Settings(const NvsContents &contents) : contents_(contents) {}

  std::string text(const std::string &space, const std::string &key, const std::string &fallback = "") const;
  /// An integer of any width, or a string that is one in decimal; `fallback` where it is neither.
  int64_t number(const std::string &space, const std::string &key, int64_t fallback) const;
  /// A number that lies between `least` and `most`, ends included; `fallback` for every other.
  int64_t numberWithin(const std::string &space, const std::string &key, int64_t least, int64_t most,
                       int64_t fallback) const;
  /// An integer (0 is false), or the string "true" or "false".
  bool flag(const std::string &space, const std::string &key, bool fallback) const;

 private:
  const NvsContents &contents_;
};

}  // namespace edgeflock
