// Aosong's one-line protocol. Source: AM2302 product manual, "Single-bus communication".
#include "drivers/drivers.h"
#include "drivers/pin.h"

namespace edgeflock {
namespace {

constexpr uint64_t kRest = 2000;  // milliseconds between two readings

class Dht22 : public Sensor {
 public:
  Dht22(Board &board, const Settings &settings, const std::string &name)
      : board_(board), pin_(board, settings, name) {}

  std::string read(Reading &reading) override {
    if (!pin_.problem.empty()) return pin_.problem;
    const uint64_t since = board_.milliseconds() - last_;
    if (last_ != 0 && since < kRest) board_.sleep(static_cast<uint32_t>(kRest - since));
    uint8_t bytes[5] = {};
    const bool whole = receive(bytes);
    last_ = board_.milliseconds();
    if (!whole) return "nothing answers at pin " + std::to_string(pin_.number);
    if (static_cast<uint8_t>(bytes[0] + bytes[1] + bytes[2] + bytes[3]) != bytes[4]) return "what it said was garbled";
    const int magnitude = ((bytes[2] & 0x7F) << 8) | bytes[3];
    const int tenths = (bytes[2] & 0x80) != 0 ? -magnitude : magnitude;
    reading = {{"temperature", tenths / 10.0}, {"humidity", ((bytes[0] << 8) | bytes[1]) / 10.0}};
    return "";
  }

 private:
  bool receive(uint8_t *bytes) {
    Pins &pins = *pin_.pins;
    const int pin = pin_.number;
    pins.drive(pin, false);
    pins.waitMicroseconds(1200);
    pins.beginCritical();
    pins.drive(pin, true);
    // released, then its greeting: 80 us low, 80 us high
    bool whole = pins.pulse(pin, true, 100) >= 0 && pins.pulse(pin, false, 120) >= 0 && pins.pulse(pin, true, 120) >= 0;
    for (int bit = 0; whole && bit < 40; bit++) {
      const int32_t low = pins.pulse(pin, false, 100);
      const int32_t high = pins.pulse(pin, true, 120);
      whole = low >= 0 && high >= 0;
      // 26 us are a zero, 70 us a one
      if (high > 48) bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] | (0x80 >> (bit % 8)));
    }
    pins.endCritical();
    return whole;
  }

  Board &board_;
  SensorPin pin_;
  uint64_t last_ = 0;
};

}  // namespace

std::unique_ptr<Sensor> make_dht22(Board &board, const Settings &settings, const std::string &name) {
  return std::make_unique<Dht22>(board, settings, name);
}

}  // namespace edgeflock
