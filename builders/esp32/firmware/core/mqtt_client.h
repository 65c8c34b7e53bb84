// One connection to a broker after the other, and what outlives each: messages that the broker has not acknowledged.
// Portable.
#pragma once

#include <deque>
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
  /// Sends it, and once more with each new connection until the broker acknowledges it (QoS 1). Of what is retained only
  /// the newest counts; of the rest the oldest is given up where the broker lags too far behind.
  /// @return false where the connection broke: the message then goes with the next one
  bool publish(const std::string &topic, const std::string &payload, bool retained);
  /// For what is too large to be kept: it is sent once, and may be lost with the connection (QoS 0).
  bool publishOnce(const std::string &topic, const uint8_t *payload, size_t size);
  /// Tells the broker that this message need not be delivered again.
  bool acknowledge(const Message &message) { return message.id == 0 || send(encodePuback(message.id)); }
  /// Takes what has come, without waiting for more. @return why the connection is gone, or an empty text
  std::string poll();
  /// Says goodbye, so that the broker does not publish the will.
  void close();
  /// Without goodbye: the connection is of no more use.
  void drop() { stream_.close(); }

  /// To be acknowledged, when it is dealt with.
  std::function<void(const Message &)> received;
  std::function<void(const std::string &filter)> refused;

 private:
  struct Unacknowledged {
    uint16_t id = 0;
    std::string topic;
    std::string payload;
    bool retained = false;
  };

  bool send(const Unacknowledged &message, bool again);
  bool send(const uint8_t *bytes, size_t length);
  bool send(const std::string &bytes) {
    return !bytes.empty() && send(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  }
  std::string awaitConnack();
  std::string take(const Packet &packet);
  std::string takeMessage(const Packet &packet);
  std::string takeSuback(const Packet &packet);
  std::string keepAlive();
  void makeRoom(const std::string &topic, bool retained);

  Board &board_;
  Stream &stream_;
  PacketReader reader_{kLongestPacket};
  std::vector<std::string> filters_;
  std::deque<Unacknowledged> unacknowledged_;
  uint16_t nextId_ = kFirstId;
  uint64_t lastSent_ = 0;
  uint64_t lastHeard_ = 0;
  uint64_t unansweredSince_ = 0;  ///< the last acknowledgement, or the first message that waits for one
  uint32_t keepAlive_ = 0;  ///< milliseconds
  bool pinged_ = false;
  bool broken_ = false;  ///< half a packet may have left: nothing can follow it

  /// Commands are short.
  static constexpr size_t kLongestPacket = 16384;
  static constexpr uint16_t kSubscribeId = 1;  ///< there is one subscription a connection
  static constexpr uint16_t kFirstId = 2;
  /// Each is a few dozen bytes.
  static constexpr size_t kMostUnacknowledged = 64;
  /// Milliseconds; a broker that takes messages and acknowledges none for that long is of no use.
  static constexpr uint64_t kAcknowledgePatience = 120000;
};

}  // namespace edgeflock
