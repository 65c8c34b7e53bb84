// One start of the device: partition table, configuration, runtime state. Portable; writes only to the
// runtime partition `nvs`, never to the configuration's.
#pragma once

#include <cstdint>
#include <string>

#include "core/flash.h"
#include "core/identity.h"
#include "core/nvs_reader.h"
#include "core/partition_table.h"

namespace edgeflock {

struct Boot {
  /// Why the flash cannot be used at all; empty otherwise.
  std::string flashProblem;
  /// The configuration partition; its label is empty where the table has none.
  Partition partition;
  NvsContents contents;
  Identity identity;
  /// How often this board has started; 0 where it has no place to remember it.
  uint32_t count = 0;
};

/// @param label of the configuration partition
Boot boot(Flash &flash, const std::string &label);

}  // namespace edgeflock
