#include "core/mqtt_packet.h"

#include <algorithm>

namespace edgeflock {
namespace {

constexpr size_t kLongestText = 65535;
constexpr size_t kLongestRemaining = 268435455;
constexpr unsigned kRetain = 0x01, kQos1 = 0x02, kQos2 = 0x04, kAgain = 0x08;  // flags of a message

void appendU16(std::string &out, size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xFF);
}

/// @return false where the text is too long for its 16-bit length
bool appendText(std::string &out, const std::string &text) {
  if (text.size() > kLongestText) return false;
  appendU16(out, text.size());
  out += text;
  return true;
}

std::string fixedHeader(PacketType type, unsigned flags, size_t remaining) {
  std::string out(1, static_cast<char>((static_cast<unsigned>(type) << 4) | flags));
  do {
    const size_t digit = remaining % 128;
    remaining /= 128;
    out += static_cast<char>(remaining > 0 ? digit | 0x80 : digit);
  } while (remaining > 0);
  return out;
}

size_t readU16At(const std::string &body, size_t at) {
  return (static_cast<size_t>(static_cast<uint8_t>(body[at])) << 8) | static_cast<uint8_t>(body[at + 1]);
}

}  // namespace

std::string encodeConnect(const ConnectOptions &options) {
  constexpr unsigned kWill = 0x04, kWillQos1 = 0x08, kWillRetain = 0x20, kPassword = 0x40, kUsername = 0x80;
  std::string body;
  appendText(body, "MQTT");
  body += '\x04';
  const bool hasPassword = !options.password.empty();
  body += static_cast<char>(kWill | kWillQos1 | kWillRetain | kUsername | (hasPassword ? kPassword : 0));
  appendU16(body, options.keepAlive);
  for (const std::string *text : {&options.clientId, &options.willTopic, &options.willMessage, &options.username}) {
    if (!appendText(body, *text)) return "";
  }
  if (hasPassword && !appendText(body, options.password)) return "";
  return fixedHeader(PacketType::connect, 0, body.size()) + body;
}

std::string encodePublishHeader(const std::string &topic, size_t payloadSize, const PublishOptions &options) {
  std::string variable;
  if (topic.empty() || !appendText(variable, topic)) return "";
  if (options.id != 0) appendU16(variable, options.id);
  if (payloadSize > kLongestRemaining - variable.size()) return "";
  const unsigned flags = (options.retained ? kRetain : 0) | (options.id != 0 ? kQos1 : 0) | (options.again ? kAgain : 0);
  return fixedHeader(PacketType::publish, flags, variable.size() + payloadSize) + variable;
}

std::string encodePuback(uint16_t id) {
  std::string body;
  appendU16(body, id);
  return fixedHeader(PacketType::puback, 0, body.size()) + body;
}

std::string encodeSubscribe(uint16_t id, const std::vector<std::string> &filters) {
  std::string body;
  appendU16(body, id);
  for (const std::string &filter : filters) {
    if (filter.empty() || !appendText(body, filter)) return "";
    body += '\1';
  }
  return filters.empty() ? "" : fixedHeader(PacketType::subscribe, 2, body.size()) + body;
}

std::string encodePingreq() { return fixedHeader(PacketType::pingreq, 0, 0); }

std::string encodeDisconnect() { return fixedHeader(PacketType::disconnect, 0, 0); }

size_t PacketReader::feed(const uint8_t *bytes, size_t length) {
  size_t at = 0;
  while (at < length && state_ != State::whole && state_ != State::failed) {
    if (state_ == State::type) {
      packet_ = Packet{};
      packet_.type = bytes[at] >> 4;
      packet_.flags = bytes[at] & 0x0F;
      remaining_ = 0;
      shift_ = 0;
      state_ = packet_.type == 0 || packet_.type == 15 ? State::failed : State::length;
      at++;
    } else if (state_ == State::length) {
      remaining_ |= static_cast<size_t>(bytes[at] & 0x7F) << shift_;
      shift_ += 7;
      if ((bytes[at] & 0x80) == 0) {
        packet_.cut = remaining_ > limit_;
        state_ = remaining_ == 0 ? State::whole : State::body;
      } else if (shift_ > 21) {
        state_ = State::failed;  // a length has at most four bytes
      }
      at++;
    } else {
      const size_t taken = std::min(remaining_, length - at);
      const size_t kept = std::min(taken, limit_ - packet_.body.size());
      packet_.body.append(reinterpret_cast<const char *>(bytes + at), kept);
      remaining_ -= taken;
      at += taken;
      if (remaining_ == 0) state_ = State::whole;
    }
  }
  return at;
}

bool PacketReader::take(Packet &packet) {
  if (state_ != State::whole) return false;
  packet = std::move(packet_);
  state_ = State::type;
  return true;
}

bool decodePublish(const Packet &packet, Message &message) {
  const std::string &body = packet.body;
  if ((packet.flags & kQos2) != 0 || body.size() < 2) return false;
  const size_t topicSize = readU16At(body, 0);
  const size_t idSize = (packet.flags & kQos1) != 0 ? 2 : 0;
  if (topicSize == 0 || topicSize + idSize > body.size() - 2) return false;
  message.topic = body.substr(2, topicSize);
  message.id = idSize == 0 ? 0 : static_cast<uint16_t>(readU16At(body, 2 + topicSize));
  if (idSize != 0 && message.id == 0) return false;
  message.payload = body.substr(2 + topicSize + idSize);
  message.retained = (packet.flags & kRetain) != 0;
  // a topic with a NUL or a wildcard is a protocol error (3.3.2.1)
  return message.topic.find_first_of(std::string("\0+#", 3)) == std::string::npos;
}

bool decodeConnack(const Packet &packet, uint8_t &code) {
  if (packet.body.size() != 2) return false;
  code = static_cast<uint8_t>(packet.body[1]);
  return true;
}

bool decodePuback(const Packet &packet, uint16_t &id) {
  if (packet.body.size() != 2) return false;
  id = static_cast<uint16_t>(readU16At(packet.body, 0));
  return true;
}

bool decodeSuback(const Packet &packet, uint16_t &id, std::vector<uint8_t> &codes) {
  if (packet.body.size() < 3) return false;
  id = static_cast<uint16_t>(readU16At(packet.body, 0));
  codes.assign(packet.body.begin() + 2, packet.body.end());
  return true;
}

}  // namespace edgeflock
