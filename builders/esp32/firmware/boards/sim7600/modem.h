// SIMCom's SIM7600 by AT commands: TCP over LTE, and its GNSS receiver. Portable: it speaks through a Uart.
// Source: SIM7500/SIM7600 Series AT Command Manual, chapters "TCP/IP" and "GPS".
// The modem carries bytes only; TLS is ours, so that it never sees them.
#pragma once

#include <functional>
#include <string>

#include "core/board.h"

namespace edgeflock {

class Uart {
 public:
  virtual ~Uart() = default;
  /// @return a byte, or -1 where none has come
  virtual int read() = 0;
  virtual void write(const uint8_t *bytes, size_t length) = 0;
};

class Modem : public Stream {
 public:
  /// @param clock for its patience
  Modem(Board &clock, Uart &uart) : clock_(clock), uart_(uart) {}

  /// Whether it answers at all. One that does not has lost its power, and with it network and receiver.
  bool isThere();
  /// Switches it on, where it does not answer. @param pressKey holds its power key for a moment
  bool start(const std::function<void()> &pressKey);
  /// Registers with the network of `modem/apn`, with `modem/pin` where the card wants one.
  /// @return why it could not, or an empty text
  std::string connect(const std::string &apn, const std::string &pin);
  /// @return false where there is no fix
  bool position(Position &position);

  std::string open(const std::string &host, uint16_t port) override;
  int read(uint8_t *bytes, size_t length) override;
  int write(const uint8_t *bytes, size_t length) override;
  void close() override;

 private:
  bool line(std::string &text, uint32_t patience);
  /// Sends a command and waits for OK or ERROR; keeps the line that begins with `wanted`.
  bool command(const std::string &text, const std::string &wanted = "", uint32_t patience = 5000);
  /// Waits for a line that begins with `wanted`.
  bool await(const std::string &wanted, uint32_t patience);
  void notice(const std::string &text);
  void forget() { isOpen_ = hasNetwork_ = hasGnss_ = false; }
  bool isRegistered();

  Board &clock_;
  Uart &uart_;
  std::string found_;  ///< the line that was wanted, without what was asked for
  bool isOpen_ = false;
  bool hasNetwork_ = false;
  bool hasGnss_ = false;
};

/// Reads what follows "+CGPSINFO: ". @return false where there is no fix
bool parsePosition(const std::string &text, Position &position);

}  // namespace edgeflock
