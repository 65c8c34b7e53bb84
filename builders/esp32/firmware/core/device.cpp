#include "core/device.h"

#include <utility>

#include "core/log.h"
#include "core/text.h"
#include "core/topics.h"

namespace edgeflock {
namespace {

constexpr uint16_t kKeepAlive = 60;  // seconds
constexpr size_t kLongestCommand = 64;

std::unique_ptr<TlsStream> tlsFor(const Broker &broker, Board &board) {
  return broker.tls ? std::make_unique<TlsStream>(board, board.network(), broker.identity) : nullptr;
}

std::string seconds(uint32_t milliseconds) {
  return std::to_string(milliseconds / 1000) + "." + std::to_string(milliseconds % 1000 / 100) + " s";
}

}  // namespace

Device::Device(Board &board, const Boot &boot, const std::vector<SensorEntry> &sensors, std::string firmwareVersion)
    : board_(board), identity_(boot.identity), firmwareVersion_(std::move(firmwareVersion)), settings_(boot.contents),
      broker_(readBroker(settings_)), sensors_(board, settings_, sensors), tls_(tlsFor(broker_, board)),
      client_(board, tls_ ? static_cast<Stream &>(*tls_) : board.network()) {
  client_.received = [this](const Message &message) { take(message); };
  client_.refused = [this](const std::string &filter) { say(board_, "the broker does not let it read " + filter); };
  if (!identity_.isKnown()) {
    state_ = State::unconfigured;  // the report of the start says so
  } else if (!broker_.problem.empty()) {
    state_ = State::unconfigured;
    say(board_, "the configuration does not do: " + broker_.problem + "; waiting for another");
  }
}

void Device::step() {
  if (state_ == State::waiting && board_.milliseconds() >= next_) {
    connect();
  } else if (state_ == State::connected) {
    const std::string problem = client_.poll();
    if (!problem.empty()) return lost(problem);
    sensors_.step([this](const std::string &name, const std::string &number) {
      client_.publish(valueTopic(broker_.topic, name), number, false);
    });
  }
}

void Device::stop() {
  if (state_ != State::connected) return;
  client_.publish(stateTopic(broker_.topic), "disconnected", true);
  client_.close();
  state_ = State::waiting;
}

void Device::connect() {
  const std::string where = broker_.host + ":" + std::to_string(broker_.port);
  std::string problem = board_.connectNetwork(settings_);
  if (problem.empty()) {
    ConnectOptions options;
    // The last level of its topic: its oldest name. RabbitMQ gives a user the sessions of that id alone, and a device
    // that was renamed must get in before and after it is flashed again.
    options.clientId = broker_.topic.substr(broker_.topic.rfind('/') + 1);
    options.username = broker_.username;
    options.password = broker_.password;
    options.willTopic = stateTopic(broker_.topic);
    options.willMessage = "lost";
    options.keepAlive = kKeepAlive;
    problem = client_.open(broker_.host, broker_.port, options);
  }
  if (problem.empty()) {
    say(board_, "connected to " + where + (broker_.tls ? " with TLS" : " without TLS") + " as " + broker_.username);
    connected();
  } else {
    say(board_, "no connection to " + where + ": " + problem);
    wait();
  }
}

void Device::connected() {
  state_ = State::connected;
  since_ = board_.milliseconds();
  // should the connection break here, both go with the next one, and the next poll notices
  client_.publish(stateTopic(broker_.topic), "ready", true);
  announce();
  client_.subscribe(broker_.filters);
  sensors_.readAllNow();
}

void Device::announce() {
  client_.publish(announcementTopic(broker_.topic), announcement(identity_, firmwareVersion_), true);
}

void Device::lost(const std::string &why) {
  say(board_, why);
  client_.drop();
  backoff_.connectionHeld(board_.milliseconds() - since_);
  wait();
}

void Device::wait() {
  const uint32_t pause = backoff_.next(board_.random());
  say(board_, "next try in " + seconds(pause));
  next_ = board_.milliseconds() + pause;
  state_ = State::waiting;
}

void Device::take(const Message &message) {
  const std::string command = commandOf(message.topic, broker_.filters).substr(0, kLongestCommand);
  // A command is acknowledged when it is done, so that none is lost with the connection or the power. But what may end
  // this life first: delivered again, it would end the next one too. (The lamp of a still draws a weak supply down.)
  const bool mayEndLife = command == "restart" || command == "still";
  if (mayEndLife) client_.acknowledge(message);
  if (message.retained && !command.empty()) {
    // else a retained "restart" would restart the device for ever
    say(board_, "passed over a retained command " + command);
  } else if (!command.empty()) {
    obey(command);
  }
  if (!mayEndLife) client_.acknowledge(message);
}

void Device::obey(const std::string &command) {
  say(board_, "command " + command);
  const std::string problem = carryOut(command);
  const std::string outcome = problem.empty() ? "\"ok\":true" : "\"error\":" + jsonString(problem);
  client_.publish(replyTopic(broker_.topic), "{\"command\":" + jsonString(command) + "," + outcome + "}", false);
  if (command != "restart") return;
  stop();
  board_.restart();
}

std::string Device::carryOut(const std::string &command) {
  if (command == "restart") return "";
  if (command == "still") return publishStill();
  if (command == "announce") {
    announce();
    return "";
  }
  if (command == "read") {
    sensors_.readAllNow();
    return "";
  }
  return "there is no such command; there are announce, read, restart, still";
}

std::string Device::publishStill() {
  std::vector<uint8_t> jpeg;
  std::string problem = board_.takeStill(settings_, jpeg);
  if (!problem.empty()) return problem;
  const bool sent = client_.publishOnce(valueTopic(broker_.topic, "still"), jpeg.data(), jpeg.size());
  return sent ? "" : "the still could not be sent";
}

}  // namespace edgeflock
