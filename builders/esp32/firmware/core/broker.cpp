#include "core/broker.h"

namespace edgeflock {
namespace {

constexpr const char *kSpace = "mqtt";

std::vector<std::string> lines(const std::string &text) {
  std::vector<std::string> found;
  for (size_t start = 0; start < text.size();) {
    size_t end = text.find('\n', start);
    if (end == std::string::npos) end = text.size();
    if (end > start) found.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return found;
}

std::string problemOf(const Broker &broker) {
  if (broker.host.empty()) return "it names no MQTT broker (mqtt/host)";
  if (broker.topic.empty()) return "it has no topic (mqtt/topic)";
  if (broker.username.empty()) return "it has no MQTT user (mqtt/username)";
  if (broker.tls && broker.identity.ca.empty()) {
    return "it has no CA for the broker (mqtt/ca), and without one nothing is sent";
  }
  if (broker.identity.certificate.empty() != broker.identity.key.empty()) {
    return "its client certificate is not whole (mqtt/cert, mqtt/key)";
  }
  if (broker.identity.certificate.empty() ? broker.password.empty() : !broker.tls) {
    return "it has no MQTT credential (mqtt/password, or with TLS mqtt/cert and key)";
  }
  return "";
}

}  // namespace

Broker readBroker(const Settings &settings) {
  Broker broker;
  broker.tls = settings.flag(kSpace, "tls", true);
  broker.host = settings.text(kSpace, "host");
  broker.port = static_cast<uint16_t>(settings.numberWithin(kSpace, "port", 1, 65535, broker.tls ? 8883 : 1883));
  broker.username = settings.text(kSpace, "username");
  broker.password = settings.text(kSpace, "password");
  broker.topic = settings.text(kSpace, "topic");
  broker.filters = lines(settings.text(kSpace, "subscribe"));
  broker.identity = {settings.text(kSpace, "ca"), settings.text(kSpace, "cert"), settings.text(kSpace, "key")};
  broker.problem = problemOf(broker);
  return broker;
}

}  // namespace edgeflock
