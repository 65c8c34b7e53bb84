#include "core/mqtt_client.h"

#include <algorithm>

namespace edgeflock {
namespace {

constexpr uint32_t kPatience = 10000;  // milliseconds that the broker has to answer or to take what is sent

std::string connackProblem(uint8_t code) {
  switch (code) {
    case 2: return "the broker refuses the client id";
    case 3: return "the broker is not available";
    case 4:
    case 5: return "the broker refuses username and password";
    default: return "the broker refuses the connection, code " + std::to_string(code);
  }
}

}  // namespace

std::string MqttClient::open(const std::string &host, uint16_t port, const ConnectOptions &options) {
  reader_ = PacketReader(kLongestPacket);
  pinged_ = broken_ = false;
  unansweredSince_ = board_.milliseconds();
  keepAlive_ = options.keepAlive * 1000U;
  std::string problem = stream_.open(host, port);
  if (!problem.empty()) return problem;
  if (!send(encodeConnect(options))) {
    problem = "the connection broke while logging in";
  } else {
    problem = awaitConnack();
  }
  for (const Unacknowledged &message : unacknowledged_) {
    if (problem.empty() && !send(message, true)) problem = "the connection broke while logging in";
  }
  if (!problem.empty()) stream_.close();
  return problem;
}

std::string MqttClient::awaitConnack() {
  const uint64_t until = board_.milliseconds() + kPatience;
  while (board_.milliseconds() < until) {
    // one byte a time: nothing may come before a CONNACK, and what follows it stays where it is
    uint8_t byte = 0;
    const int count = stream_.read(&byte, 1);
    if (count < 0) return "the broker closed the connection while logging in";
    if (count == 0) {
      board_.sleep(5);
      continue;
    }
    reader_.feed(&byte, 1);
    Packet packet;
    uint8_t code = 0;
    if (reader_.take(packet)) {
      const bool known = packet.type == static_cast<uint8_t>(PacketType::connack) && decodeConnack(packet, code);
      lastHeard_ = board_.milliseconds();
      return !known ? "what answers is no MQTT broker" : code == 0 ? "" : connackProblem(code);
    }
    if (reader_.failed()) return "what answers is no MQTT broker";
  }
  return "the broker does not answer";
}

bool MqttClient::subscribe(const std::vector<std::string> &filters) {
  filters_ = filters;
  return filters.empty() || send(encodeSubscribe(kSubscribeId, filters));
}

bool MqttClient::publish(const std::string &topic, const std::string &payload, bool retained) {
  makeRoom(topic, retained);
  if (unacknowledged_.empty()) unansweredSince_ = board_.milliseconds();
  unacknowledged_.push_back({nextId_, topic, payload, retained});
  nextId_ = nextId_ == UINT16_MAX ? kFirstId : static_cast<uint16_t>(nextId_ + 1);
  return send(unacknowledged_.back(), false);
}

/// Everything has been sent once already, if there was a connection: what goes here is only not sent again.
void MqttClient::makeRoom(const std::string &topic, bool retained) {
  const auto erase = [this](const auto &goes) {
    const auto found = std::find_if(unacknowledged_.begin(), unacknowledged_.end(), goes);
    if (found != unacknowledged_.end()) unacknowledged_.erase(found);
  };
  if (retained) erase([&](const Unacknowledged &each) { return each.retained && each.topic == topic; });
  if (unacknowledged_.size() < kMostUnacknowledged) return;
  erase([](const Unacknowledged &each) { return !each.retained; });
}

bool MqttClient::publishOnce(const std::string &topic, const uint8_t *payload, size_t size) {
  return send(encodePublishHeader(topic, size, {})) && send(payload, size);
}

bool MqttClient::send(const Unacknowledged &message, bool again) {
  const std::string &payload = message.payload;
  return send(encodePublishHeader(message.topic, payload.size(), {message.retained, message.id, again}) + payload);
}

std::string MqttClient::poll() {
  uint8_t bytes[512];
  if (broken_) return "the connection broke";
  for (;;) {
    const int count = stream_.read(bytes, sizeof bytes);
    if (count < 0) return "the connection broke";
    if (count == 0) {
      const uint64_t waits = unacknowledged_.empty() ? 0 : board_.milliseconds() - unansweredSince_;
      return waits < kAcknowledgePatience ? keepAlive() : "the broker acknowledges nothing any more";
    }
    lastHeard_ = board_.milliseconds();
    pinged_ = false;
    for (size_t at = 0; at < static_cast<size_t>(count);) {
      at += reader_.feed(bytes + at, static_cast<size_t>(count) - at);
      if (reader_.failed()) return "the broker sent what is no MQTT";
      Packet packet;
      if (!reader_.take(packet)) continue;
      const std::string problem = take(packet);
      if (!problem.empty()) return problem;
    }
  }
}

std::string MqttClient::take(const Packet &packet) {
  if (packet.type == static_cast<uint8_t>(PacketType::publish)) return takeMessage(packet);
  if (packet.type == static_cast<uint8_t>(PacketType::suback)) return takeSuback(packet);
  uint16_t id = 0;
  if (packet.type != static_cast<uint8_t>(PacketType::puback)) return "";
  if (!decodePuback(packet, id)) return "the broker sent a damaged answer";
  unansweredSince_ = board_.milliseconds();
  for (auto each = unacknowledged_.begin(); each != unacknowledged_.end(); ++each) {
    if (each->id != id) continue;
    unacknowledged_.erase(each);
    break;
  }
  return "";
}

std::string MqttClient::takeMessage(const Packet &packet) {
  Message message;
  if (!decodePublish(packet, message)) return packet.cut ? "" : "the broker sent a damaged message";
  if (packet.cut) {
    acknowledge(message);  // else it would come again for ever
  } else if (received) {
    received(message);
  }
  return "";
}

std::string MqttClient::takeSuback(const Packet &packet) {
  uint16_t id = 0;
  std::vector<uint8_t> codes;
  if (!decodeSuback(packet, id, codes) || id != kSubscribeId || codes.size() != filters_.size()) {
    return "the broker sent a damaged answer";
  }
  for (size_t at = 0; at < codes.size(); at++) {
    if (codes[at] >= 0x80 && refused) refused(filters_[at]);
  }
  return "";
}

std::string MqttClient::keepAlive() {
  const uint64_t now = board_.milliseconds();
  if (now - lastHeard_ > keepAlive_ + kPatience) return "the broker has fallen silent";
  // asked for an answer too when only we have been talking: else a dead line would go unnoticed
  const bool due = now - lastSent_ > keepAlive_ / 2 || (!pinged_ && now - lastHeard_ > keepAlive_ / 2);
  if (!due) return "";
  pinged_ = true;
  return send(encodePingreq()) ? "" : "the connection broke";
}

void MqttClient::close() {
  send(encodeDisconnect());
  stream_.close();
}

bool MqttClient::send(const uint8_t *bytes, size_t length) {
  const uint64_t until = board_.milliseconds() + kPatience;
  while (length > 0) {
    const int count = stream_.write(bytes, length);
    if (count < 0 || board_.milliseconds() > until) {
      broken_ = true;
      return false;
    }
    if (count == 0) board_.sleep(5);
    bytes += count;
    length -= static_cast<size_t>(count);
  }
  lastSent_ = board_.milliseconds();
  return true;
}

}  // namespace edgeflock
