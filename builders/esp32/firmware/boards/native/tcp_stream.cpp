#include "boards/native/tcp_stream.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace edgeflock {
namespace {

constexpr int kPatience = 10000;  // milliseconds

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;
#endif

/// @return a connected socket that does not block, or -1 with errno
int connectTo(const addrinfo &address) {
  const int handle = socket(address.ai_family, address.ai_socktype, address.ai_protocol);
  if (handle < 0) return -1;
  fcntl(handle, F_SETFD, FD_CLOEXEC);
  fcntl(handle, F_SETFL, O_NONBLOCK);
  const int on = 1;
  setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int problem = connect(handle, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (problem == EINPROGRESS) {
    pollfd wait{handle, POLLOUT, 0};
    socklen_t size = sizeof problem;
    if (poll(&wait, 1, kPatience) != 1) {
      problem = ETIMEDOUT;
    } else if (getsockopt(handle, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) {
      problem = errno;
    }
  }
  if (problem == 0) return handle;
  ::close(handle);
  errno = problem;
  return -1;
}

bool isWaiting() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

std::string TcpStream::open(const std::string &host, uint16_t port) {
  close();
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo *found = nullptr;
  const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) return std::string("its address is not known: ") + gai_strerror(code);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  for (const addrinfo *address = found; address != nullptr && socket_ < 0; address = address->ai_next) {
    socket_ = connectTo(*address);
  }
  return socket_ < 0 ? std::strerror(errno) : "";
}

int TcpStream::read(uint8_t *bytes, size_t length) {
  if (socket_ < 0) return -1;
  const ssize_t count = recv(socket_, bytes, length, 0);
  if (count > 0) return static_cast<int>(count);
  return count < 0 && isWaiting() ? 0 : -1;
}

int TcpStream::write(const uint8_t *bytes, size_t length) {
  if (socket_ < 0) return -1;
  const ssize_t count = send(socket_, bytes, length, kSendFlags);
  if (count >= 0) return static_cast<int>(count);
  return isWaiting() ? 0 : -1;
}

void TcpStream::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

}  // namespace edgeflock
