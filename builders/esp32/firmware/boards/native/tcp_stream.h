// TCP by this host's sockets.
#pragma once

#include <string>

#include "core/stream.h"

namespace edgeflock {

class TcpStream : public Stream {
 public:
  TcpStream() = default;
  TcpStream(const TcpStream &) = delete;
  TcpStream &operator=(const TcpStream &) = delete;
  ~TcpStream() override { TcpStream::close(); }

  std::string open(const std::string &host, uint16_t port) override;
  int read(uint8_t *bytes, size_t length) override;
  int write(const uint8_t *bytes, size_t length) override;
  void close() override;

 private:
  int socket_ = -1;
};

}  // namespace edgeflock
