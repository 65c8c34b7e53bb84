// What all chips have in common, by Arduino-ESP32 2.0 (ESP-IDF 4.4). Not yet run on a chip.
#pragma once

#include <Arduino.h>
#include <Wire.h>

#include "core/board.h"

namespace edgeflock {

class ArduinoPins : public Pins {
 public:
  void drive(int pin, bool high) override;
  bool read(int pin) override;
  void waitMicroseconds(uint32_t microseconds) override;
  int32_t pulse(int pin, bool level, uint32_t limit) override;
  void beginCritical() override;
  void endCritical() override;
  int32_t millivolts(int pin) override;

 private:
  uint64_t openDrain_ = 0;  ///< a bit for each pin that is set up
  portMUX_TYPE lock_ = portMUX_INITIALIZER_UNLOCKED;
};

class ArduinoI2c : public I2c {
 public:
  bool begin(int sda, int scl) override;
  bool write(uint8_t address, const uint8_t *bytes, size_t length) override;
  bool read(uint8_t address, uint8_t reg, uint8_t *bytes, size_t length) override;
};

class ArduinoBoard : public Board {
 public:
  uint64_t milliseconds() override;
  void sleep(uint32_t milliseconds) override;
  uint32_t random() override;
  void print(const std::string &line) override;
  void restart() override;
  uint32_t freeHeap() override;
  Pins *pins() override { return &pins_; }
  I2c *i2c() override { return &i2c_; }

 private:
  ArduinoPins pins_;
  ArduinoI2c i2c_;
};

/// The board that this firmware was built for; boards/<board>/ has it.
Board &thisBoard();

}  // namespace edgeflock
