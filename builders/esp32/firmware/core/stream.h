// Bytes to and from a server: TCP by Wi-Fi, by a modem or by this host, or TLS over one of them. Portable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace edgeflock {

class Stream {
 public:
  virtual ~Stream() = default;

  /// Connects within about ten seconds. @return why it could not, or an empty text
  virtual std::string open(const std::string &host, uint16_t port) = 0;

  /// What has come, at most `length` bytes, without waiting.
  /// @return the number of bytes, 0 where nothing has come yet, -1 where the connection is gone
  virtual int read(uint8_t *bytes, size_t length) = 0;

  /// What can be taken now, without waiting long.
  /// @return the number of bytes taken, 0 where none can be yet, -1 where the connection is gone
  virtual int write(const uint8_t *bytes, size_t length) = 0;

  /// Harmless where nothing is open.
  virtual void close() = 0;
};

}  // namespace edgeflock
