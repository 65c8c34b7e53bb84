// This host as a board: its clock, its network, its standard output. No pins, no camera.
#pragma once

#include <string>

#include "boards/native/tcp_stream.h"
#include "core/board.h"

namespace edgeflock {

class HostBoard : public Board {
 public:
  uint64_t milliseconds() override;
  void sleep(uint32_t milliseconds) override;
  uint32_t random() override;
  void print(const std::string &line) override;
  /// Ends the process with the code that the virtual ESP32 takes for a restart.
  void restart() override;
  uint32_t freeHeap() override;
  std::string connectNetwork(const Settings &) override { return ""; }
  Stream &network() override { return stream_; }

 private:
  TcpStream stream_;
};

}  // namespace edgeflock
