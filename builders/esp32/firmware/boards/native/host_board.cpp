#include "boards/native/host_board.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <thread>

namespace edgeflock {
namespace {

constexpr int kRestart = 12;

}  // namespace

uint64_t HostBoard::milliseconds() {
  static const auto start = std::chrono::steady_clock::now();
  const auto passed = std::chrono::steady_clock::now() - start;
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(passed).count());
}

void HostBoard::sleep(uint32_t milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

uint32_t HostBoard::random() {
  static std::random_device device;
  return static_cast<uint32_t>(device());
}

void HostBoard::print(const std::string &line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void HostBoard::restart() { std::exit(kRestart); }

/// Memory that this host has free, as far as the number goes.
uint32_t HostBoard::freeHeap() {
#ifdef _SC_AVPHYS_PAGES
  const long pages = sysconf(_SC_AVPHYS_PAGES);
  const long size = sysconf(_SC_PAGESIZE);
  const uint64_t bytes = pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 0;
  return static_cast<uint32_t>(std::min<uint64_t>(bytes, std::numeric_limits<uint32_t>::max()));
#else
  return 0;
#endif
}

}  // namespace edgeflock
