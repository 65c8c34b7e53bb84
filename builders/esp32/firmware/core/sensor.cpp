#include "core/sensor.h"

#include <cmath>
#include <cstdio>

#include "core/log.h"

namespace edgeflock {
namespace {

constexpr int64_t kDay = 86400;
constexpr int64_t kUsualInterval = 60;

}  // namespace

std::string numberText(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", number);
  return text;
}

Sensors::Sensors(Board &board, const Settings &settings, const std::vector<SensorEntry> &entries) : board_(board) {
  const int64_t usual = settings.numberWithin("telemetry", "interval", 1, kDay, kUsualInterval);
  for (const SensorEntry &entry : entries) {
    if (!settings.flag(entry.name, "enabled", true)) continue;
    const int64_t seconds = settings.numberWithin(entry.name, "interval", 1, kDay, usual);
    slots_.push_back(
        {entry.name, entry.make(board, settings, entry.name), static_cast<uint64_t>(seconds) * 1000, 0, ""});
  }
}

Reading Sensors::measure(Slot &slot) {
  Reading reading;
  std::string problem = slot.sensor->read(reading);
  for (const auto &[thing, number] : reading) {
    if (problem.empty() && !std::isfinite(number)) problem = std::string(thing) + " is no number";
  }
  // once a cause, not once a reading
  if (problem != slot.problem) say(board_, "sensor " + slot.name + (problem.empty() ? " works again" : ": " + problem));
  slot.problem = problem;
  return problem.empty() ? reading : Reading{};
}

}  // namespace edgeflock
