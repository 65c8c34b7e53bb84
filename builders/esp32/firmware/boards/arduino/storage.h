// The start of a chip: its configuration by ESP-IDF's own NVS library, or from a file in a raw partition.
#pragma once

#include <string>

#include "core/boot.h"

namespace edgeflock {

/// @param label of the configuration partition
Boot bootFromPartitions(const std::string &label);

}  // namespace edgeflock
