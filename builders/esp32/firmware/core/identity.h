// Who this device is, by its configuration. Portable.
// The keys are those that every firmware relies on: namespace `edgeflock`.
#pragma once

#include <cstdint>
#include <string>

#include "core/nvs_reader.h"

namespace edgeflock {

struct Identity {
  std::string device;
  std::string deviceClass;
  std::string config;  ///< digest of the settings
  uint32_t generation = 0;

  bool isKnown() const { return !device.empty(); }
};

Identity readIdentity(const NvsContents &contents);

}  // namespace edgeflock
