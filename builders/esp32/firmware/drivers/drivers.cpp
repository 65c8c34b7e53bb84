#include "drivers/drivers.h"

#include "edgeflock.h"

namespace edgeflock {

std::vector<SensorEntry> builtSensors() {
#define EDGEFLOCK_ENTRY(name, driver, unit) {name, make_##driver, unit},
  return {EDGEFLOCK_SENSORS(EDGEFLOCK_ENTRY)};
#undef EDGEFLOCK_ENTRY
}

}  // namespace edgeflock
