#include "boards/arduino/wifi_board.h"

namespace edgeflock {
namespace {

constexpr uint32_t kPatience = 20000;         // milliseconds to join a network
constexpr int32_t kConnectPatience = 10000;   // milliseconds to reach the broker

}  // namespace

std::string WifiStream::open(const std::string &host, uint16_t port) {
  client_.stop();
  return client_.connect(host.c_str(), port, kConnectPatience) == 1 ? "" : "nobody answers there";
}

int WifiStream::read(uint8_t *bytes, size_t length) {
  if (client_.available() <= 0) return client_.connected() ? 0 : -1;
  const int count = client_.read(bytes, length);
  return count < 0 ? -1 : count;
}

int WifiStream::write(const uint8_t *bytes, size_t length) {
  if (!client_.connected()) return -1;
  return static_cast<int>(client_.write(bytes, length));
}

void WifiStream::close() { client_.stop(); }

std::string WifiBoard::connectNetwork(const Settings &settings) {
  if (WiFi.status() == WL_CONNECTED) return "";
  const std::string ssid = settings.text("wifi", "ssid");
  if (ssid.empty()) return "the configuration names no Wi-Fi (wifi/ssid)";
  WiFi.persistent(false);  // the password stays where it is
  WiFi.mode(WIFI_STA);
  WiFi.begin(ssid.c_str(), settings.text("wifi", "password").c_str());
  const uint64_t until = milliseconds() + kPatience;
  while (WiFi.status() != WL_CONNECTED) {
    if (milliseconds() > until) {
      const bool there = WiFi.status() != WL_NO_SSID_AVAIL;
      WiFi.disconnect();
      return there ? "the Wi-Fi " + ssid + " does not let it in" : "there is no Wi-Fi " + ssid;
    }
    sleep(100);
  }
  return "";
}

}  // namespace edgeflock
