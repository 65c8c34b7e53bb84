// Where and as whom this device speaks MQTT, by its settings: namespace `mqtt`. Portable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/settings.h"
#include "core/tls_stream.h"

namespace edgeflock {

struct Broker {
  std::string host;
  uint16_t port = 8883;
  bool tls = true;  ///< only a configuration that says so goes without
  std::string username;
  std::string password;
  std::string topic;  ///< the device's own; all that it says goes below it
  /// Topic filters that the device may read: its commands and broadcasts, as its class allows.
  std::vector<std::string> filters;
  TlsIdentity identity;
  /// What is missing; empty where everything is there.
  std::string problem;
};

Broker readBroker(const Settings &settings);

}  // namespace edgeflock
