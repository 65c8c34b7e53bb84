#include "drivers/drivers.h"
#include "drivers/pin.h"

namespace edgeflock {
namespace {

class Adc : public Sensor {
 public:
  Adc(Board &board, const Settings &settings, const std::string &name)
      : pin_(board, settings, name),
        factor_(static_cast<double>(settings.numberWithin(name, "factor", 1, 1000000, 1000)) / 1000) {}

  std::string read(Reading &reading) override {
    if (!pin_.problem.empty()) return pin_.problem;
    const int32_t millivolts = pin_.pins->millivolts(pin_.number);
    if (millivolts < 0) return "pin " + std::to_string(pin_.number) + " is no analogue input";
    reading = {{"value", millivolts * factor_}};
    return "";
  }

 private:
  SensorPin pin_;
  double factor_;
};

}  // namespace

std::unique_ptr<Sensor> make_adc(Board &board, const Settings &settings, const std::string &name) {
  return std::make_unique<Adc>(board, settings, name);
}

}  // namespace edgeflock
