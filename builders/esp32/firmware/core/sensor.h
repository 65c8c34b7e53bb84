// A sensor, and when it is read. Portable.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/board.h"
#include "core/settings.h"

namespace edgeflock {

/// What one reading gives, by name; what matters most comes first. Drivers that measure one thing call it `value`.
using Reading = std::vector<std::pair<const char *, double>>;

class Sensor {
 public:
  virtual ~Sensor() = default;
  /// @return why nothing could be measured, or an empty text
  virtual std::string read(Reading &reading) = 0;
};

/// A driver makes a sensor; its settings lie in the NVS namespace that is named like the sensor.
using MakeSensor = std::unique_ptr<Sensor> (*)(Board &board, const Settings &settings, const std::string &name);

/// A sensor of this device's class, compiled in.
struct SensorEntry {
  const char *name;
  MakeSensor make;
  const char *unit;
};

/// A number as it is published: in decimal, nine digits at most.
std::string numberText(double number);

/// All sensors of a device that are switched on, each read at its own interval.
class Sensors {
 public:
  /// `<sensor>/enabled` (default on), `<sensor>/interval` in seconds, else `telemetry/interval`, else 60.
  Sensors(Board &board, const Settings &settings, const std::vector<SensorEntry> &entries);

  /// Reads what is due. Calls `publish` with a name and a number as text: the sensor's name with its first number,
  /// and, where it measures several things, `<sensor>/<thing>` with each.
  template <typename Publish>
  void step(Publish publish) {
    for (Slot &slot : slots_) {
      if (board_.milliseconds() < slot.due) continue;
      slot.due = board_.milliseconds() + slot.interval;
      const Reading reading = measure(slot);
      if (!reading.empty()) publish(slot.name, numberText(reading.front().second));
      if (reading.size() < 2) continue;
      for (const auto &[thing, number] : reading) publish(slot.name + "/" + thing, numberText(number));
    }
  }

  /// The next step reads all.
  void readAllNow() {
    for (Slot &slot : slots_) slot.due = 0;
  }

 private:
  struct Slot {
    std::string name;
    std::unique_ptr<Sensor> sensor;
    uint64_t interval = 0;  ///< milliseconds
    uint64_t due = 0;
    std::string problem;
  };
  /// Empty where nothing could be measured.
  Reading measure(Slot &slot);

  Board &board_;
  std::vector<Slot> slots_;
};

}  // namespace edgeflock
