// Source: arduino-esp32 2.0.17, libraries/Wire.
#pragma once

#include "Arduino.h"

class TwoWire {
 public:
  bool begin(int sda, int scl, uint32_t frequency = 0);
  void beginTransmission(uint8_t address);
  uint8_t endTransmission(bool stop = true);
  size_t requestFrom(uint8_t address, size_t length, bool stop = true);
  size_t write(uint8_t byte);
  size_t write(const uint8_t *bytes, size_t length);
  int read();
};
extern TwoWire Wire;
