#include "boards/sim7600/modem.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace edgeflock {
namespace {

constexpr uint32_t kStarting = 15000;  // milliseconds
constexpr int kCalls = 3;              // of a modem that runs, before its key is pressed
constexpr uint32_t kRegistering = 60000, kOpening = 20000, kSending = 10000;  // milliseconds
constexpr size_t kLongestPiece = 1024;  // of what is sent or fetched at once
constexpr size_t kLongestLine = 512;
constexpr double kKilometresAnHour = 1.852;  // of a knot

bool startsWith(const std::string &text, const std::string &start) { return text.compare(0, start.size(), start) == 0; }

/// What goes between quotes of a command must not end them.
bool isPlain(const std::string &text) {
  return std::all_of(text.begin(), text.end(), [](char letter) { return letter > ' ' && letter < 0x7F && letter != '"'; });
}

std::vector<std::string> fieldsOf(const std::string &text) {
  std::vector<std::string> fields(1);
  for (const char letter : text) {
    if (letter == ',') {
      fields.emplace_back();
    } else {
      fields.back() += letter;
    }
  }
  return fields;
}

/// The number in a field, or -1.
long numberIn(const std::string &text, size_t field) {
  const std::vector<std::string> fields = fieldsOf(text);
  if (field >= fields.size()) return -1;
  char *end = nullptr;
  const long number = std::strtol(fields[field].c_str(), &end, 10);
  return end == fields[field].c_str() ? -1 : number;
}

/// Degrees and minutes in one number, as NMEA has it.
double degrees(const std::string &text, bool negative) {
  const double number = std::strtod(text.c_str(), nullptr);
  const double whole = std::floor(number / 100);
  const double value = whole + (number - whole * 100) / 60;
  return negative ? -value : value;
}

}  // namespace

bool parsePosition(const std::string &text, Position &position) {
  const std::vector<std::string> fields = fieldsOf(text);
  if (fields.size() < 8 || fields[0].empty() || fields[2].empty()) return false;
  position.latitude = degrees(fields[0], fields[1] == "S");
  position.longitude = degrees(fields[2], fields[3] == "W");
  position.altitude = std::strtod(fields[6].c_str(), nullptr);
  position.speed = std::strtod(fields[7].c_str(), nullptr) * kKilometresAnHour;
  return std::abs(position.latitude) <= 90 && std::abs(position.longitude) <= 180;
}

bool Modem::line(std::string &text, uint32_t patience) {
  text.clear();
  const uint64_t until = clock_.milliseconds() + patience;
  while (clock_.milliseconds() < until) {
    const int byte = uart_.read();
    if (byte < 0) {
      clock_.sleep(2);
    } else if (byte == '\n') {
      if (!text.empty()) return true;
    } else if (byte == '>' && text.empty()) {
      text = ">";  // the prompt has no end of line
      return true;
    } else if (byte != '\r' && text.size() < kLongestLine) {
      text += static_cast<char>(byte);
    }
  }
  return false;
}

/// What the modem says unasked.
void Modem::notice(const std::string &text) {
  if (startsWith(text, "+IPCLOSE: 0") || startsWith(text, "+CIPCLOSE: 0")) isOpen_ = false;
  if (text == "RDY") forget();  // it has just started
  if (startsWith(text, "+CIPEVENT:") || startsWith(text, "+NETCLOSE:")) isOpen_ = hasNetwork_ = false;
}

bool Modem::command(const std::string &text, const std::string &wanted, uint32_t patience) {
  const std::string bytes = text + "\r";
  uart_.write(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  found_.clear();
  std::string answer;
  while (line(answer, patience)) {
    if (answer == "OK") return true;
    if (answer == "ERROR" || startsWith(answer, "+CME ERROR")) return false;
    notice(answer);
    if (!wanted.empty() && startsWith(answer, wanted)) found_ = answer.substr(wanted.size());
  }
  return false;
}

bool Modem::await(const std::string &wanted, uint32_t patience) {
  std::string answer;
  while (line(answer, patience)) {
    notice(answer);
    if (!startsWith(answer, wanted)) continue;
    found_ = answer.substr(wanted.size());
    return true;
  }
  return false;
}

bool Modem::isThere() {
  if (command("AT", "", 1000) && command("ATE0")) return true;
  forget();
  return false;
}

bool Modem::start(const std::function<void()> &pressKey) {
  // after a restart of the chip it may run already, and the key would end it
  for (int call = 0; call < kCalls; call++) {
    if (isThere()) return true;
  }
  pressKey();
  const uint64_t until = clock_.milliseconds() + kStarting;
  while (clock_.milliseconds() < until) {
    if (isThere()) return true;
  }
  return false;
}

/// Home (1) or roaming (5).
bool Modem::isRegistered() {
  for (const char *query : {"CEREG", "CREG"}) {
    if (!command(std::string("AT+") + query + "?", std::string("+") + query + ": ")) continue;
    const long state = numberIn(found_, 1);
    if (state == 1 || state == 5) return true;
  }
  return false;
}

std::string Modem::connect(const std::string &apn, const std::string &pin) {
  if (hasNetwork_) return "";
  if (!isPlain(apn) || !isPlain(pin)) return "modem/apn and modem/pin must not have quotes or spaces";
  if (!isThere()) return "the modem does not answer";
  if (!command("AT+CPIN?", "+CPIN: ")) return "there is no SIM card";
  if (found_ == "SIM PIN" && (pin.empty() || !command("AT+CPIN=\"" + pin + "\""))) {
    return "the SIM card wants another PIN (modem/pin)";
  }
  if (!command("AT+CGDCONT=1,\"IP\",\"" + apn + "\"")) return "the modem refuses the access point (modem/apn)";
  const uint64_t until = clock_.milliseconds() + kRegistering;
  while (!isRegistered()) {
    if (clock_.milliseconds() > until) return "no network lets the modem in";
    clock_.sleep(1000);
  }
  command("AT+NETCLOSE");  // what an earlier start left open; an error where nothing was
  if (!command("AT+CIPRXGET=1") || !command("AT+NETOPEN") || !await("+NETOPEN: ", kOpening) || found_ != "0") {
    return "the network gives the modem no connection";
  }
  hasNetwork_ = true;
  return "";
}

std::string Modem::open(const std::string &host, uint16_t port) {
  if (!isPlain(host)) return "its name is none";
  close();
  const std::string text = "AT+CIPOPEN=0,\"TCP\",\"" + host + "\"," + std::to_string(port);
  if (!command(text) || !await("+CIPOPEN: 0,", kOpening) || found_ != "0") {
    hasNetwork_ = false;  // the next try starts from the beginning
    return "nobody answers there";
  }
  isOpen_ = true;
  return "";
}

int Modem::read(uint8_t *bytes, size_t length) {
  if (!isOpen_) return -1;
  const std::string most = std::to_string(std::min(length, kLongestPiece));
  const std::string text = "AT+CIPRXGET=2,0," + most + "\r";
  uart_.write(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  std::string answer;
  while (line(answer, kSending)) {
    notice(answer);
    if (answer == "ERROR" || startsWith(answer, "+IP ERROR")) return isOpen_ ? 0 : -1;  // nothing has come
    if (!startsWith(answer, "+CIPRXGET: 2,0,")) continue;
    const long count = numberIn(answer, 2);
    if (count < 0 || static_cast<size_t>(count) > length) return -1;
    const uint64_t until = clock_.milliseconds() + kSending;
    for (long at = 0; at < count;) {
      const int byte = uart_.read();
      if (byte >= 0) {
        bytes[at++] = static_cast<uint8_t>(byte);
      } else if (clock_.milliseconds() > until) {
        return -1;
      } else {
        clock_.sleep(1);
      }
    }
    return await("OK", kSending) ? static_cast<int>(count) : -1;
  }
  return -1;
}

int Modem::write(const uint8_t *bytes, size_t length) {
  if (!isOpen_) return -1;
  const size_t count = std::min(length, kLongestPiece);
  const std::string text = "AT+CIPSEND=0," + std::to_string(count) + "\r";
  uart_.write(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  std::string answer;
  while (line(answer, kSending)) {
    notice(answer);
    if (answer == "ERROR") return -1;
    if (answer != ">") continue;
    uart_.write(bytes, count);
    if (!await("+CIPSEND: 0,", kSending)) return -1;
    return numberIn(found_, 1) == static_cast<long>(count) ? static_cast<int>(count) : -1;
  }
  return -1;
}

void Modem::close() {
  if (isOpen_) command("AT+CIPCLOSE=0");
  isOpen_ = false;
}

bool Modem::position(Position &position) {
  if (!hasGnss_) hasGnss_ = command("AT+CGPS=1") || command("AT+CGPS?", "+CGPS: 1");
  if (!command("AT+CGPSINFO", "+CGPSINFO: ")) {
    hasGnss_ = false;  // switched on anew the next time
    return false;
  }
  return parsePosition(found_, position);
}

}  // namespace edgeflock
