#include "boards/arduino/arduino_board.h"

#include <esp_system.h>
#include <esp_timer.h>

namespace edgeflock {

void ArduinoPins::drive(int pin, bool high) {
  const auto number = static_cast<uint8_t>(pin);
  if ((openDrain_ >> number & 1) == 0) {
    pinMode(number, OUTPUT_OPEN_DRAIN);
    openDrain_ |= uint64_t{1} << number;
  }
  digitalWrite(number, high ? HIGH : LOW);
}

bool ArduinoPins::read(int pin) { return digitalRead(static_cast<uint8_t>(pin)) == HIGH; }

void ArduinoPins::waitMicroseconds(uint32_t microseconds) { delayMicroseconds(microseconds); }

int32_t ArduinoPins::pulse(int pin, bool level, uint32_t limit) {
  const int64_t start = esp_timer_get_time();
  while (read(pin) == level) {
    if (esp_timer_get_time() - start > int64_t{limit}) return -1;
  }
  return static_cast<int32_t>(esp_timer_get_time() - start);
}

void ArduinoPins::beginCritical() { portENTER_CRITICAL(&lock_); }

void ArduinoPins::endCritical() { portEXIT_CRITICAL(&lock_); }

int32_t ArduinoPins::millivolts(int pin) {
  const auto number = static_cast<uint8_t>(pin);
  return digitalPinToAnalogChannel(number) < 0 ? -1 : static_cast<int32_t>(analogReadMilliVolts(number));
}

bool ArduinoI2c::begin(int sda, int scl) { return Wire.begin(sda, scl); }

bool ArduinoI2c::write(uint8_t address, const uint8_t *bytes, size_t length) {
  Wire.beginTransmission(address);
  const bool taken = Wire.write(bytes, length) == length;
  return Wire.endTransmission() == 0 && taken;
}

bool ArduinoI2c::read(uint8_t address, uint8_t reg, uint8_t *bytes, size_t length) {
  Wire.beginTransmission(address);
  Wire.write(reg);
  if (Wire.endTransmission(false) != 0) return false;
  if (Wire.requestFrom(address, length) != length) return false;
  for (size_t at = 0; at < length; at++) bytes[at] = static_cast<uint8_t>(Wire.read());
  return true;
}

uint64_t ArduinoBoard::milliseconds() { return static_cast<uint64_t>(esp_timer_get_time()) / 1000; }

void ArduinoBoard::sleep(uint32_t milliseconds) { delay(milliseconds); }

uint32_t ArduinoBoard::random() { return esp_random(); }

void ArduinoBoard::print(const std::string &line) { Serial.println(line.c_str()); }

void ArduinoBoard::restart() { ESP.restart(); }

uint32_t ArduinoBoard::freeHeap() { return ESP.getFreeHeap(); }

}  // namespace edgeflock
