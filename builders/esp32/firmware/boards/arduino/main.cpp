// The firmware on a chip: Arduino's setup() and loop().
#include <Arduino.h>

#include <memory>

#include "boards/arduino/arduino_board.h"
#include "boards/arduino/storage.h"
#include "core/device.h"
#include "core/report.h"
#include "drivers/drivers.h"
#include "edgeflock.h"

namespace {

edgeflock::Boot start;
std::unique_ptr<edgeflock::Device> device;

}  // namespace

void setup() {
  Serial.begin(115200);
  start = edgeflock::bootFromPartitions(EDGEFLOCK_CONFIG_LABEL);
  Serial.print(edgeflock::reportBoot(start, {EDGEFLOCK_VERSION, EDGEFLOCK_CHIP}, {}).c_str());
  device = std::make_unique<edgeflock::Device>(edgeflock::thisBoard(), start, edgeflock::builtSensors(),
                                               EDGEFLOCK_VERSION);
}

void loop() {
  device->step();
  delay(10);
}
