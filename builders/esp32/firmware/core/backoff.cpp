#include "core/backoff.h"

#include <algorithm>

namespace edgeflock {

uint32_t Backoff::next(uint32_t random) {
  const uint32_t half = wait_ / 2;
  const uint32_t wait = half + static_cast<uint32_t>((uint64_t{random} * (half + 1)) >> 32);
  wait_ = std::min(wait_ * 2, kLongest);
  return wait;
}

}  // namespace edgeflock
