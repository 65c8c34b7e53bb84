// A board that reaches its broker by Wi-Fi. Settings: wifi/ssid, wifi/password.
#pragma once

#include <WiFi.h>

#include "boards/arduino/arduino_board.h"

namespace edgeflock {

class WifiStream : public Stream {
 public:
  std::string open(const std::string &host, uint16_t port) override;
  int read(uint8_t *bytes, size_t length) override;
  int write(const uint8_t *bytes, size_t length) override;
  void close() override;

 private:
  WiFiClient client_;
};

class WifiBoard : public ArduinoBoard {
 public:
  std::string connectNetwork(const Settings &settings) override;
  Stream &network() override { return stream_; }

 private:
  WifiStream stream_;
};

}  // namespace edgeflock
