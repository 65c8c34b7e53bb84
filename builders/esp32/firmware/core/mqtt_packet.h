// The packets of MQTT 3.1.1 that a device needs, to bytes and from bytes. Portable; trusts nothing that comes in.
// Source: OASIS MQTT Version 3.1.1, chapters 2 and 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace edgeflock {

enum class PacketType : uint8_t {
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  subscribe = 8,
  suback = 9,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
};

struct ConnectOptions {
  std::string clientId;
  std::string username;
  std::string password;  ///< empty where a certificate says who it is
  std::string willTopic;
  std::string willMessage;
  uint16_t keepAlive = 60;  ///< seconds
};

/// With the session of before, and a will that is retained with QoS 1. Empty where a text is longer than 65,535 bytes.
std::string encodeConnect(const ConnectOptions &options);
struct PublishOptions {
  bool retained = false;
  uint16_t id = 0;     ///< QoS 1 with this id; QoS 0 where it is 0
  bool again = false;  ///< it was sent before
};
/// What goes before the payload of a message. Empty where topic or payload are too long.
std::string encodePublishHeader(const std::string &topic, size_t payloadSize, const PublishOptions &options);
std::string encodePuback(uint16_t id);
/// With QoS 1. Empty where a filter is too long or there is none.
std::string encodeSubscribe(uint16_t id, const std::vector<std::string> &filters);
std::string encodePingreq();
std::string encodeDisconnect();

struct Packet {
  uint8_t type = 0;
  uint8_t flags = 0;
  std::string body;
  /// Its body was longer than the reader keeps: this is how it began.
  bool cut = false;
};

/// Puts packets together from what a connection gives, in pieces of any size.
class PacketReader {
 public:
  /// @param limit bytes of a body; the rest of longer ones is dropped
  explicit PacketReader(size_t limit) : limit_(limit) {}

  /// Takes bytes until a packet is whole. @return how many it took
  size_t feed(const uint8_t *bytes, size_t length);
  /// @return whether a packet is whole; it is handed out once
  bool take(Packet &packet);
  /// The bytes are no MQTT: the connection is of no more use.
  bool failed() const { return state_ == State::failed; }

 private:
  enum class State { type, length, body, whole, failed };

  State state_ = State::type;
  size_t limit_;
  Packet packet_;
  size_t remaining_ = 0;
  unsigned shift_ = 0;
};

struct Message {
  std::string topic;
  std::string payload;
  bool retained = false;
  uint16_t id = 0;  ///< to be acknowledged, unless it is 0
};

/// @return false where the packet is damaged, or of a QoS that was not asked for
bool decodePublish(const Packet &packet, Message &message);
/// @return false where the packet is damaged; code 0 is success
bool decodeConnack(const Packet &packet, uint8_t &code);
/// @return false where the packet is damaged
bool decodePuback(const Packet &packet, uint16_t &id);
/// One code a filter; 0x80 means refused. @return false where the packet is damaged
bool decodeSuback(const Packet &packet, uint16_t &id, std::vector<uint8_t> &codes);

}  // namespace edgeflock
