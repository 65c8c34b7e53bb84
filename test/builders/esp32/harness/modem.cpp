// Checks of the modem's layer against a modem that answers as SIMCom's manual says. Prints how many there were;
// exits 1 with a line for each that failed.
#include <cmath>
#include <string>
#include <vector>

#include "boards/sim7600/modem.h"
#include "checks.h"
#include "fake_board.h"

namespace {

/// Answers AT commands; `toDevice` is what the server has sent, `fromDevice` what it was sent.
class FakeModem : public Uart {
 public:
  int read() override {
    if (out_.empty()) return -1;
    const auto byte = static_cast<uint8_t>(out_[0]);
    out_.erase(0, 1);
    return byte;
  }
  void write(const uint8_t *bytes, size_t length) override {
    for (size_t at = 0; at < length; at++) take(static_cast<char>(bytes[at]));
  }
  void say(const std::string &text) { out_ += "\r\n" + text + "\r\n"; }

  /// As when its power comes back: on, and nothing of before.
  void restart() {
    on = true;
    receiver = false;
    out_.clear();
    line_.clear();
  }

  bool receiver = false;
  bool on = true, sim = true, registered = true, reachable = true;
  std::string pin, gnss = ",,,,,,,,", toDevice, fromDevice;
  std::vector<std::string> commands;

 private:
  void take(char byte) {
    if (sending_ > 0) {
      fromDevice += byte;
      if (--sending_ == 0) {
        say("OK");
        say("+CIPSEND: 0," + std::to_string(size_) + "," + std::to_string(size_));
      }
    } else if (byte == '\r') {
      commands.push_back(line_);
      if (on) answer(line_);
      line_.clear();
    } else {
      line_ += byte;
    }
  }
  bool is(const char *start) const { return line_.compare(0, std::string(start).size(), start) == 0; }
  void answer(const std::string &command) {
    if (command == "AT+CPIN?") return sim ? (say(pin.empty() ? "+CPIN: READY" : "+CPIN: SIM PIN"), say("OK")) : say("+CME ERROR: SIM not inserted");
    if (is("AT+CPIN=")) return say(command == "AT+CPIN=\"" + pin + "\"" ? "OK" : "ERROR");
    if (is("AT+CEREG?")) return say(registered ? "+CEREG: 0,5" : "+CEREG: 0,2"), say("OK");
    if (is("AT+CREG?")) return say("+CREG: 0,2"), say("OK");
    if (command == "AT+NETCLOSE") return say("ERROR");
    if (command == "AT+NETOPEN") return say("OK"), say("+NETOPEN: 0");
    if (is("AT+CIPOPEN=0,\"TCP\",")) return say("OK"), say(reachable ? "+CIPOPEN: 0,0" : "+CIPOPEN: 0,10");
    if (is("AT+CIPSEND=0,")) {
      size_ = sending_ = std::stoul(command.substr(13));
      out_ += "\r\n>";
      return;
    }
    if (is("AT+CIPRXGET=2,0,")) {
      const size_t count = std::min<size_t>(std::stoul(command.substr(16)), toDevice.size());
      if (count == 0) return say("+IP ERROR: No data");
      out_ += "\r\n+CIPRXGET: 2,0," + std::to_string(count) + ",0\r\n" + toDevice.substr(0, count) + "\r\nOK\r\n";
      toDevice.erase(0, count);
      return;
    }
    if (command == "AT+CGPS=1") receiver = true;
    if (command == "AT+CGPSINFO") return receiver ? (say("+CGPSINFO: " + gnss), say("OK")) : say("ERROR");
    say("OK");
  }

  std::string out_, line_;
  size_t sending_ = 0, size_ = 0;
};

void network() {
  FakeBoard board;
  FakeModem fake;
  Modem modem(board, fake);
  fake.on = false;
  check(modem.connect("internet", "") == "the modem does not answer", "a modem that is off");
  fake.on = true;
  fake.sim = false;
  check(modem.connect("internet", "") == "there is no SIM card", "no card");
  fake.sim = true;
  fake.pin = "1234";
  check(modem.connect("internet", "0000") == "the SIM card wants another PIN (modem/pin)", "a wrong PIN");
  check(modem.connect("internet\"", "") .find("must not have quotes") != std::string::npos, "a hostile access point");
  fake.registered = false;
  check(modem.connect("internet", "1234") == "no network lets the modem in", "no network");
  fake.registered = true;
  check(modem.connect("internet", "1234").empty(), "a network, roaming");
  check(fake.commands.size() > 5 && modem.connect("internet", "1234").empty(), "once is enough");
}

void connection() {
  FakeBoard board;
  FakeModem fake;
  Modem modem(board, fake);
  uint8_t bytes[2000];
  check(modem.read(bytes, 10) == -1 && modem.write(bytes, 10) == -1, "nothing is open");
  check(modem.connect("internet", "").empty(), "a network");
  check(!modem.open("a\",1", 1).empty(), "a hostile host");
  fake.reachable = false;
  check(modem.open("broker", 8883) == "nobody answers there", "no broker");
  fake.reachable = true;
  check(modem.open("broker", 8883).empty(), "a broker");
  check(modem.read(bytes, sizeof bytes) == 0, "nothing has come");
  std::string data;
  for (int at = 0; at < 1500; at++) data += static_cast<char>(at);  // every byte: line ends, OK and > among them
  data += "\r\nOK\r\n>ERROR\r\n";
  fake.toDevice = data;
  std::string got;
  for (int count = 1; count > 0;) {
    count = modem.read(bytes, 700);
    if (count > 0) got.append(reinterpret_cast<char *>(bytes), static_cast<size_t>(count));
  }
  check(got == data, "every byte arrives as it is");
  for (size_t sent = 0; sent < data.size();) {
    const int count = modem.write(reinterpret_cast<const uint8_t *>(data.data()) + sent, data.size() - sent);
    if (count <= 0) break;
    sent += static_cast<size_t>(count);
  }
  check(fake.fromDevice == data, "every byte leaves as it is");
  fake.say("+IPCLOSE: 0,1");
  modem.read(bytes, 10);
  check(modem.read(bytes, 10) == -1, "a connection that the broker closed");
  check(modem.open("broker", 8883).empty(), "and again");
  fake.on = false;
  check(modem.read(bytes, 10) == -1 && modem.write(bytes, 10) == -1, "a modem that lost its power");
}

void power() {
  FakeBoard board;
  FakeModem fake;
  Modem modem(board, fake);
  Position here;
  int presses = 0;
  const auto press = [&] {
    presses++;
    fake.restart();
  };
  fake.gnss = "3113.343286,N,12121.234064,W,250311,072809.3,44.1,10.0,0";
  check(modem.start(press) && presses == 0, "the key of a modem that runs is not pressed");
  check(modem.connect("internet", "").empty() && modem.position(here), "network and receiver");
  fake.on = false;
  check(!modem.position(here), "no power, no position");
  check(modem.start(press) && presses == 1, "one that lost its power is switched on again");
  const size_t before = fake.commands.size();
  check(modem.connect("internet", "").empty() && fake.commands.size() > before + 3, "and registers again");
  check(modem.position(here), "and its receiver is switched on again");
  fake.restart();
  check(!modem.position(here) && modem.position(here), "a receiver that was switched off by a restart");
  fake.on = false;
  check(!modem.start([&] { presses++; }) && presses == 2, "one that does not start, and its key once");
}

void position() {
  FakeBoard board;
  FakeModem fake;
  Modem modem(board, fake);
  Position here;
  check(!modem.position(here), "no fix yet");
  fake.gnss = "3113.343286,N,12121.234064,W,250311,072809.3,44.1,10.0,0";
  check(modem.position(here) && std::abs(here.latitude - 31.22238810) < 1e-7 && std::abs(here.longitude + 121.35390107) < 1e-7 &&
            here.altitude == 44.1 && std::abs(here.speed - 18.52) < 1e-9, "a fix, north and west");
  for (const char *text : {"", "x", "9913.3,N,12121.2,E,1,1,1,1,1", ",,,,,,,,"}) check(!parsePosition(text, here), "no position");
}

}  // namespace

int main() {
  network();
  connection();
  position();
  power();
  return report();
}
