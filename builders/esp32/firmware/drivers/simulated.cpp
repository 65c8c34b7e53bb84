#include <cmath>

#include "drivers/drivers.h"

namespace edgeflock {
namespace {

constexpr double kTurn = 6.283185307179586;
constexpr unsigned kReadingsATurn = 60;

class Simulated : public Sensor {
 public:
  Simulated(const Settings &settings, const std::string &name)
      : value_(static_cast<double>(settings.number(name, "value", 20))),
        swing_(static_cast<double>(settings.number(name, "swing", 5))) {}

  std::string read(Reading &reading) override {
    const double angle = kTurn * (count_++ % kReadingsATurn) / kReadingsATurn;
    reading = {{"value", std::round((value_ + swing_ * std::sin(angle)) * 1000) / 1000}};
    return "";
  }

 private:
  double value_;
  double swing_;
  unsigned count_ = 0;
};

}  // namespace

std::unique_ptr<Sensor> make_simulated(Board &, const Settings &settings, const std::string &name) {
  return std::make_unique<Simulated>(settings, name);
}

}  // namespace edgeflock
