// Bosch's climate sensor on I2C. Source: BME280 datasheet, 4.2.2 (calibration), 5.4 (registers), 8.1 (formulas).
#include "core/bytes.h"
#include "drivers/drivers.h"

namespace edgeflock {
namespace {

constexpr uint8_t kChipId = 0xD0, kCalibrationLow = 0x88, kCalibrationHigh = 0xE1, kHumidityControl = 0xF2,
                  kControl = 0xF4, kData = 0xF7;
constexpr uint8_t kBme280 = 0x60;
constexpr uint8_t kForcedOnce = 0x25;  // temperature and pressure once, then asleep again

struct Calibration {
  uint16_t t1;
  int16_t t2, t3;
  uint16_t p1;
  int16_t p[10];  // from 2
  uint8_t h1, h3;
  int16_t h2, h4, h5;
  int8_t h6;
};

int16_t readI16(const uint8_t *at) { return static_cast<int16_t>(readU16(at)); }

class Bme280 : public Sensor {
 public:
  Bme280(Board &board, const Settings &settings, const std::string &name)
      : board_(board), bus_(board.i2c()), sda_(static_cast<int>(settings.numberWithin(name, "sda", 0, 48, 21))),
        scl_(static_cast<int>(settings.numberWithin(name, "scl", 0, 48, 22))),
        address_(static_cast<uint8_t>(settings.numberWithin(name, "address", 0x08, 0x77, 0x76))) {}

  std::string read(Reading &reading) override {
    if (bus_ == nullptr) return "this board has no I2C bus";
    if (!ready_) {
      const std::string problem = begin();
      if (!problem.empty()) return problem;
      ready_ = true;
    }
    uint8_t raw[8];
    const bool measured = set(kHumidityControl, 1) && set(kControl, kForcedOnce);
    board_.sleep(12);
    if (!measured || !bus_->read(address_, kData, raw, sizeof raw)) {
      ready_ = false;
      return "it stopped answering";
    }
    const int32_t pressure = (raw[0] << 12) | (raw[1] << 4) | (raw[2] >> 4);
    const int32_t temperature = (raw[3] << 12) | (raw[4] << 4) | (raw[5] >> 4);
    const double fine = fineTemperature(temperature);
    reading = {{"temperature", fine / 5120},
               {"humidity", humidity(fine, (raw[6] << 8) | raw[7])},
               {"pressure", pascal(fine, pressure) / 100}};
    return "";
  }

 private:
  std::string begin() {
    uint8_t id = 0;
    uint8_t low[26];
    uint8_t high[7];
    if (!bus_->begin(sda_, scl_) || !bus_->read(address_, kChipId, &id, 1)) return "nothing answers at its address";
    if (id != kBme280) return "what answers at its address is no BME280";
    if (!bus_->read(address_, kCalibrationLow, low, sizeof low) ||
        !bus_->read(address_, kCalibrationHigh, high, sizeof high)) {
      return "its calibration cannot be read";
    }
    c_.t1 = readU16(low);
    c_.t2 = readI16(low + 2);
    c_.t3 = readI16(low + 4);
    c_.p1 = readU16(low + 6);
    for (size_t number = 2; number <= 9; number++) c_.p[number] = readI16(low + 4 + 2 * number);
    c_.h1 = low[25];
    c_.h2 = readI16(high);
    c_.h3 = high[2];
    c_.h4 = static_cast<int16_t>((static_cast<int8_t>(high[3]) * 16) | (high[4] & 0x0F));
    c_.h5 = static_cast<int16_t>((static_cast<int8_t>(high[5]) * 16) | (high[4] >> 4));
    c_.h6 = static_cast<int8_t>(high[6]);
    return "";
  }

  bool set(uint8_t reg, uint8_t value) {
    const uint8_t bytes[] = {reg, value};
    return bus_->write(address_, bytes, sizeof bytes);
  }

  double fineTemperature(int32_t raw) const {
    const double a = (raw / 16384.0 - c_.t1 / 1024.0) * c_.t2;
    const double b = raw / 131072.0 - c_.t1 / 8192.0;
    return a + b * b * c_.t3;
  }

  double pascal(double fine, int32_t raw) const {
    double a = fine / 2 - 64000;
    double b = a * a * c_.p[6] / 32768 + a * c_.p[5] * 2;
    b = b / 4 + c_.p[4] * 65536.0;
    a = (c_.p[3] * a * a / 524288 + c_.p[2] * a) / 524288;
    a = (1 + a / 32768) * c_.p1;
    if (a == 0) return 0;
    double p = (1048576.0 - raw - b / 4096) * 6250 / a;
    return p + (c_.p[9] * p * p / 2147483648.0 + p * c_.p[8] / 32768 + c_.p[7]) / 16;
  }

  double humidity(double fine, int32_t raw) const {
    const double t = fine - 76800;
    double h = (raw - (c_.h4 * 64.0 + c_.h5 / 16384.0 * t)) *
               (c_.h2 / 65536.0 * (1 + c_.h6 / 67108864.0 * t * (1 + c_.h3 / 67108864.0 * t)));
    h *= 1 - c_.h1 * h / 524288;
    return h > 100 ? 100 : h < 0 ? 0 : h;
  }

  Board &board_;
  I2c *bus_;
  int sda_, scl_;
  uint8_t address_;
  bool ready_ = false;
  Calibration c_{};
};

}  // namespace

std::unique_ptr<Sensor> make_bme280(Board &board, const Settings &settings, const std::string &name) {
  return std::make_unique<Bme280>(board, settings, name);
}

}  // namespace edgeflock
