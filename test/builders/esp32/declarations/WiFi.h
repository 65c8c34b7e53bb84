// Source: arduino-esp32 2.0.17, libraries/WiFi.
#pragma once

#include "Arduino.h"

enum wl_status_t { WL_IDLE_STATUS = 0, WL_NO_SSID_AVAIL = 1, WL_CONNECTED = 3, WL_CONNECT_FAILED = 4, WL_DISCONNECTED = 6 };
enum wifi_mode_t { WIFI_MODE_NULL = 0, WIFI_MODE_STA };
#define WIFI_STA WIFI_MODE_STA

class WiFiClient {
 public:
  int connect(const char *host, uint16_t port, int32_t timeout);
  int available();
  int read(uint8_t *bytes, size_t length);
  size_t write(const uint8_t *bytes, size_t length);
  uint8_t connected();
  void stop();
};

class WiFiClass {
 public:
  wl_status_t status();
  void persistent(bool on);
  bool mode(wifi_mode_t mode);
  wl_status_t begin(const char *ssid, const char *password = nullptr);
  bool disconnect(bool off = false, bool erase = false);
};
extern WiFiClass WiFi;
