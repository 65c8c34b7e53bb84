// How long to wait before the next try to connect. Portable.
#pragma once

#include <cstdint>

namespace edgeflock {

/// Doubles from one second to five minutes. Half of each wait is random, so that a fleet which lost its broker does
/// not come back in step.
class Backoff {
 public:
  static constexpr uint32_t kFirst = 1000;
  static constexpr uint32_t kLongest = 300000;
  /// A connection that held for this long starts the waits anew.
  static constexpr uint32_t kSteady = 60000;

  /// @param random 32 random bits
  /// @return milliseconds
  uint32_t next(uint32_t random);
  void connectionHeld(uint64_t milliseconds) {
    if (milliseconds >= kSteady) wait_ = kFirst;
  }

 private:
  uint32_t wait_ = kFirst;
};

}  // namespace edgeflock
