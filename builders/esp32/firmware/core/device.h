// The device as it lives: waits for a configuration, connects, announces itself, measures, obeys, and connects anew.
// Portable.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/backoff.h"
#include "core/board.h"
#include "core/boot.h"
#include "core/broker.h"
#include "core/mqtt_client.h"
#include "core/sensor.h"

namespace edgeflock {

class Device {
 public:
  /// `boot` must outlive it.
  Device(Board &board, const Boot &boot, const std::vector<SensorEntry> &sensors, std::string firmwareVersion);

  /// Does what is due; to be called every few milliseconds.
  void step();
  /// Says goodbye to the broker.
  void stop();

 private:
  enum class State { unconfigured, waiting, connected };

  void connect();
  void connected();
  void lost(const std::string &why);
  void wait();
  void take(const Message &message);
  void obey(const std::string &command);
  /// @return what went wrong, or an empty text
  std::string carryOut(const std::string &command);
  std::string publishStill();
  void announce();

  Board &board_;
  const Identity &identity_;
  const std::string firmwareVersion_;
  const Settings settings_;
  const Broker broker_;
  Sensors sensors_;
  std::unique_ptr<TlsStream> tls_;
  MqttClient client_;
  Backoff backoff_;
  State state_ = State::waiting;
  uint64_t next_ = 0;
  uint64_t since_ = 0;
};

}  // namespace edgeflock
