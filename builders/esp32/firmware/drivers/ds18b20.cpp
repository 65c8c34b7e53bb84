// Maxim's 1-Wire, and its thermometer. Source: DS18B20 datasheet, "1-Wire signaling" and "Memory".
#include "core/bytes.h"
#include "drivers/drivers.h"
#include "drivers/pin.h"

namespace edgeflock {
namespace {

constexpr uint8_t kSkipRom = 0xCC, kConvert = 0x44, kReadScratchpad = 0xBE;
constexpr uint32_t kConversion = 750;  // milliseconds at 12 bits
constexpr size_t kScratchpad = 9;

uint8_t crc8(const uint8_t *bytes, size_t length) {
  unsigned crc = 0;
  for (size_t at = 0; at < length; at++) {
    crc ^= bytes[at];
    for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x8C : crc >> 1;
  }
  return static_cast<uint8_t>(crc);
}

class Ds18b20 : public Sensor {
 public:
  Ds18b20(Board &board, const Settings &settings, const std::string &name)
      : board_(board), pin_(board, settings, name) {}

  std::string read(Reading &reading) override {
    if (!pin_.problem.empty()) return pin_.problem;
    if (!reset()) return "nothing answers at pin " + std::to_string(pin_.number);
    send(kSkipRom);
    send(kConvert);
    board_.sleep(kConversion);
    if (!reset()) return "it stopped answering";
    send(kSkipRom);
    send(kReadScratchpad);
    uint8_t bytes[kScratchpad];
    for (uint8_t &byte : bytes) byte = receive();
    if (crc8(bytes, kScratchpad - 1) != bytes[kScratchpad - 1]) return "what it said was garbled";
    reading = {{"value", static_cast<int16_t>(readU16(bytes)) / 16.0}};
    return "";
  }

 private:
  /// @return whether a sensor is there
  bool reset() {
    Pins &pins = *pin_.pins;
    pins.drive(pin_.number, false);
    pins.waitMicroseconds(480);
    pins.beginCritical();
    pins.drive(pin_.number, true);
    pins.waitMicroseconds(70);
    const bool present = !pins.read(pin_.number);
    pins.endCritical();
    pins.waitMicroseconds(410);
    return present;
  }

  void slot(bool value) {
    Pins &pins = *pin_.pins;
    pins.beginCritical();
    pins.drive(pin_.number, false);
    pins.waitMicroseconds(value ? 6 : 60);
    pins.drive(pin_.number, true);
    pins.endCritical();
    pins.waitMicroseconds(value ? 64 : 10);
  }

  bool sample() {
    Pins &pins = *pin_.pins;
    pins.beginCritical();
    pins.drive(pin_.number, false);
    pins.waitMicroseconds(6);
    pins.drive(pin_.number, true);
    pins.waitMicroseconds(9);
    const bool value = pins.read(pin_.number);
    pins.endCritical();
    pins.waitMicroseconds(55);
    return value;
  }

  void send(uint8_t byte) {
    for (int bit = 0; bit < 8; bit++) slot(((byte >> bit) & 1) != 0);
  }

  uint8_t receive() {
    unsigned byte = 0;
    for (int bit = 0; bit < 8; bit++) byte |= (sample() ? 1U : 0U) << bit;
    return static_cast<uint8_t>(byte);
  }

  Board &board_;
  SensorPin pin_;
};

}  // namespace

std::unique_ptr<Sensor> make_ds18b20(Board &board, const Settings &settings, const std::string &name) {
  return std::make_unique<Ds18b20>(board, settings, name);
}

}  // namespace edgeflock
