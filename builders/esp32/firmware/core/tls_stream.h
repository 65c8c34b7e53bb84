// TLS 1.2 over another stream, by Mbed TLS: the same code on chips and on this host. Portable.
// The broker must prove by a certificate of the given CA that it has the name it was called by; there is no way
// around that.
#pragma once

#include <memory>
#include <string>

#include "core/board.h"
#include "core/stream.h"

namespace edgeflock {

struct TlsIdentity {
  std::string ca;           ///< PEM; one certificate or several
  std::string certificate;  ///< PEM, the client's own; may be empty
  std::string key;          ///< PEM, not encrypted
};

class TlsStream : public Stream {
 public:
  TlsStream(Board &board, Stream &inner, TlsIdentity identity);
  ~TlsStream() override;

  std::string open(const std::string &host, uint16_t port) override;
  int read(uint8_t *bytes, size_t length) override;
  /// Where it takes nothing, the next call must come with the same bytes.
  int write(const uint8_t *bytes, size_t length) override;
  void close() override;

 private:
  struct Session;
  std::string handshake(Session &session);

  Board &board_;
  Stream &inner_;
  TlsIdentity identity_;
  std::unique_ptr<Session> session_;
};

}  // namespace edgeflock
