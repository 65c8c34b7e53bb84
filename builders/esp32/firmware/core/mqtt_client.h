// One connection to a broker: opens it, keeps it alive, sends and receives. Portable.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/board.h"
#include "core/mqtt_packet.h"

namespace edgeflock {

class MqttClient {
 public:
  MqttClient(Board &board, Stream &stream) : board_(board), stream_(stream) {}

  /// @return why the broker cannot be spoken to, or an empty text
  std::string open(const std::string &host, uint16_t port, const ConnectOptions &options);
  /// Whether each filter was taken comes later, as a call of `refused`.
  bool subscribe(const std::vector<std::string> &filters);
  bool publish(const std::string &topic, const uint8_t *payload, size_t size, bool retained);
  bool publish(const std::string &topic, const std::string &payload, bool retained) {
    return publish(topic, reinterpret_cast<const uint8_t *>(payload.data()), payload.size(), retained);
  }
  /// Takes what has come, without waiting for more. @return why the connection is gone, or an empty text
  std::string poll();
  /// Says goodbye, so that the broker does not publish the will.
  void close();
  /// Without goodbye: the connection is of no more use.
  void drop() { stream_.close(); }

  std::function<void(const Message &)> received;
  std::function<void(const std::string &filter)> refused;

 private:
  bool send(const uint8_t *bytes, size_t length);
  bool send(const std::string &bytes) {
    return !bytes.empty() && send(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  }
  std::string awaitConnack();
  std::string take(const Packet &packet);
  std::string keepAlive();

  Board &board_;
  Stream &stream_;
  PacketReader reader_{kLongestPacket};
  std::vector<std::string> filters_;
  uint64_t lastSent_ = 0;
  uint64_t lastHeard_ = 0;
  uint32_t keepAlive_ = 0;  ///< milliseconds
  bool pinged_ = false;

  /// Commands are short.
  static constexpr size_t kLongestPacket = 16384;
};

}  // namespace edgeflock
